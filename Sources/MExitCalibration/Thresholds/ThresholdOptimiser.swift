/// Finds per-exit thresholds for a goal, starting from every simpler method's answer, so that it is never worse than they are
/// on the samples it is given.
struct ThresholdOptimiser {
    let ranked: RankedOutcomes
    private let search: ThresholdSearch

    init(_ ranked: RankedOutcomes) {
        self.ranked = ranked
        search = ThresholdSearch(ranked)
    }

    /// - Parameter isThorough: also try points of the hull and moves of two cuts.
    /// - Returns: cuts that meet the goal; nil when none were found that do.
    /// - Complexity: some hundred line searches of O(E N); some ten when not thorough.
    func solve(_ goal: ThresholdGoal, isThorough: Bool = true) -> [Int]? {
        var starts: [[Int]] = []
        switch goal {
        case .mostGood(let limit, _):
            if let cuts = SimpleThresholds.geometric(ranked, cost: limit) { starts.append(cuts) }
            if let cuts = SimpleThresholds.shared(ranked, cost: limit) { starts.append(cuts) }
        case .leastCost:
            // Where anything reaches so many good answers, this does.
            if let cuts = solve(.mostGood(cost: .infinity), isThorough: isThorough) { starts.append(cuts) }
        case .priced:
            starts.append(Array(repeating: 0, count: ranked.last))
        }
        if isThorough { starts += hull(around: goal) }
        var best: (cuts: [Int], tally: CutTally)?
        for start in starts {
            let found = search.ascend(start, goal)
            if best.map({ goal.score(found.tally) > goal.score($0.tally) }) ?? true { best = found }
        }
        guard let best else { return nil }
        let found = isThorough ? search.ascendByPairs(best.cuts, goal) : best
        return goal.isMet(found.tally) ? found.cuts : nil
    }

    /// The best cuts at a price per multiply-add, from where the neighbouring price left off.
    func priced(_ price: Double, from cuts: [Int]) -> [Int] { search.ascend(cuts, .priced(price)).cuts }

    /// Betters cuts for a goal without looking far.
    func refined(_ cuts: [Int], _ goal: ThresholdGoal) -> [Int] { search.ascend(cuts, goal).cuts }

    /// The two points of the concave hull of accuracy over cost on either side of the goal, found by halving the price.
    private func hull(around goal: ThresholdGoal) -> [[Int]] {
        if case .priced = goal { return [] }
        // Between these prices everything from "leave at once" to "cost does not matter" is best.
        let span = max(ranked.macs[ranked.last] - ranked.macs[0], 1)
        var (low, high) = (0.0, 4 * Double(ranked.unit) / span)
        var cuts = [Int](repeating: 0, count: ranked.last)
        var found = [priced(0, from: cuts), [Int](repeating: ranked.count, count: ranked.last)]
        for _ in 0..<16 {
            let price = (low + high) / 2
            cuts = priced(price, from: cuts)
            let tally = ranked.tally(cuts)
            let isDear: Bool
            switch goal {
            case .mostGood(let limit, _): isDear = tally.cost > limit
            case .leastCost(let good): isDear = tally.good >= good
            case .priced: isDear = false
            }
            if isDear {
                found[0] = cuts
                low = price
            } else {
                found[1] = cuts
                high = price
            }
        }
        return found
    }
}
