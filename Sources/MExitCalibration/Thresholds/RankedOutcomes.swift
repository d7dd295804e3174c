/// Samples sorted by certainty at each exit but the last. A threshold is then a **cut**: how many of the surest samples of
/// all (whether they come that far or not) it lets out, 0 ... N. Comparing ranks is exact, and every threshold that can make a
/// difference is one of N + 1 cuts.
struct RankedOutcomes: Sendable {
    let count: Int
    /// Index of the last exit.
    let last: Int
    let macs: [Double]
    /// Per exit but the last: sample indices, the surest first.
    let order: [[Int32]]
    /// Per exit but the last: the place of each sample in ``order``.
    let rank: [[Int32]]
    /// Per exit but the last: certainty in that order.
    let sorted: [[Double]]
    /// Per exit, per sample, 0 ... ``unit``: how good the answer is.
    private(set) var good: [[Int16]]
    /// What a good answer counts.
    private(set) var unit = 1

    /// - Parameter good: per exit, per sample; whether it is right, when nil.
    /// - Complexity: O(E N log N).
    init(_ outcomes: ExitOutcomes, good: [[Bool]]? = nil) {
        count = outcomes.count
        last = outcomes.last
        macs = outcomes.macs
        self.good = (good ?? outcomes.correct).map { $0.map { $0 ? 1 : 0 } }
        var orders: [[Int32]] = []
        var ranks: [[Int32]] = []
        var sortedCertainties: [[Double]] = []
        for exit in 0..<last {
            let sure = outcomes.certainty[exit]
            // Equal certainties in the order of the samples, so that results do not depend on the sorting algorithm.
            let order = (0..<Int32(count)).sorted { a, b in
                let (first, second) = (sure[Int(a)], sure[Int(b)])
                return first == second ? a < b : first > second
            }
            var rank = [Int32](repeating: 0, count: count)
            for (place, sample) in order.enumerated() { rank[Int(sample)] = Int32(place) }
            orders.append(order)
            ranks.append(rank)
            sortedCertainties.append(order.map { sure[Int($0)] })
        }
        order = orders
        rank = ranks
        sorted = sortedCertainties
    }

    /// The same samples, counted more smoothly: in place of 1 or 0 for right or wrong, a mean of that and of the probability that
    /// the exit itself gives to its answer. Probabilities (at fitted temperatures) are right on average and say with little noise
    /// what single labels say with much, so that thresholds follow the network rather than the accidents of the samples.
    ///
    /// - Parameter weight: of the probability, 0 ... 1.
    func softened(_ outcomes: ExitOutcomes, weight: Double) -> RankedOutcomes {
        var soft = self
        soft.unit = 1000
        soft.good = outcomes.correct.indices.map { exit in
            (0..<count).map { sample in
                let hard = outcomes.correct[exit][sample] ? 1.0 : 0
                return Int16((1000 * ((1 - weight) * hard + weight * outcomes.probability[exit][sample])).rounded())
            }
        }
        return soft
    }

    /// Whether a threshold can let out exactly the `cut` surest samples: not when the next is as sure.
    func isPossible(_ cut: Int, at exit: Int) -> Bool {
        cut == 0 || cut == count || sorted[exit][cut - 1] > sorted[exit][cut]
    }

    /// The next possible cut at or below.
    func possible(atMost cut: Int, at exit: Int) -> Int {
        var cut = min(max(cut, 0), count)
        while !isPossible(cut, at: exit) { cut -= 1 }
        return cut
    }

    /// A threshold, in the middle between the last sample it lets out and the first that it does not: the samples of another
    /// day lie on either side of it alike.
    func threshold(_ cut: Int, at exit: Int) -> Double {
        if cut == 0 { return RankedOutcomes.never }
        if cut == count { return 0 }
        let (upper, lower) = (sorted[exit][cut - 1], sorted[exit][cut])
        let middle = lower + (upper - lower) / 2
        return middle > lower ? middle : upper
    }

    func thresholds(_ cuts: [Int]) -> [Double] { cuts.indices.map { threshold(cuts[$0], at: $0) } }

    /// A threshold that nothing reaches: certainties end at 1.
    static let never = 2.0

    /// The cut that a threshold makes.
    func cut(threshold: Double, at exit: Int) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[exit][middle] >= threshold { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// How many good answers cuts give, and what they cost, over all samples.
    func tally(_ cuts: [Int]) -> CutTally {
        var tally = CutTally()
        for sample in 0..<count {
            var exit = 0
            while exit < last && rank[exit][sample] >= Int32(cuts[exit]) { exit += 1 }
            tally.good += Int(good[exit][sample])
            tally.cost += macs[exit]
        }
        return tally
    }
}

/// Good answers (in units of ``RankedOutcomes/unit``) and multiply-adds of all samples together. Sums of whole numbers far below 2^53: exact.
struct CutTally: Hashable, Sendable {
    var good = 0
    var cost = 0.0
}
