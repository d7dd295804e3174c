/// What thresholds are searched for; all numbers are of all samples together.
enum ThresholdGoal: Hashable, Sendable {
    /// The most good answers at this cost or less, but at no less than `spending`.
    case mostGood(cost: Double, spending: Double = 0)
    /// The least cost with this many good answers or more.
    case leastCost(good: Int)
    /// The most good answers minus `price` times cost: points of the concave hull.
    case priced(Double)

    /// Larger is better, from the first component on: how far the condition is missed, what is wished for, then what else is
    /// nice to have.
    func score(_ tally: CutTally) -> (Double, Double, Double) {
        let good = Double(tally.good)
        switch self {
        case .mostGood(let limit, let floor): return (-max(0, tally.cost - limit, floor - tally.cost), good, -tally.cost)
        case .leastCost(let least): return (-max(0, Double(least) - good), -tally.cost, good)
        case .priced(let price): return (0, good - price * tally.cost, -tally.cost)
        }
    }

    func isMet(_ tally: CutTally) -> Bool { score(tally).0 == 0 }
}
