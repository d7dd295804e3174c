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
    /// `[N, exits but the last]`: the place of each sample in ``order``. What is walked through sample by sample lies so.
    let ranks: [Int32]
    /// Per exit but the last: certainty in that order.
    let sorted: [[Double]]
    /// `[N, exits]`, 0 ... ``unit``: how good the answer is.
    private(set) var goods: [Int16]
    /// What a good answer counts.
    private(set) var unit = 1

    /// - Parameter good: per exit, per sample; whether it is right, when nil.
    /// - Complexity: O(E N log N).
    init(_ outcomes: ExitOutcomes, good: [[Bool]]? = nil) {
        count = outcomes.count
        last = outcomes.last
        macs = outcomes.macs
        let good = good ?? outcomes.correct
        let (samples, exits) = (outcomes.count, outcomes.exitCount)
        goods = (0..<samples * exits).map { good[$0 % exits][$0 / exits] ? 1 : 0 }
        var orders: [[Int32]] = []
        var ranks = [Int32](repeating: 0, count: samples * (exits - 1))
        var sortedCertainties: [[Double]] = []
        for exit in 0..<last {
            let sure = outcomes.certainty[exit]
            // Equal certainties in the order of the samples, so that results do not depend on the sorting algorithm.
            let order = (0..<Int32(count)).sorted { a, b in
                let (first, second) = (sure[Int(a)], sure[Int(b)])
                return first == second ? a < b : first > second
            }
            for (place, sample) in order.enumerated() { ranks[Int(sample) * last + exit] = Int32(place) }
            orders.append(order)
            sortedCertainties.append(order.map { sure[Int($0)] })
        }
        order = orders
        self.ranks = ranks
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
        let exits = last + 1
        soft.goods = (0..<count * exits).map { index in
            let (sample, exit) = (index / exits, index % exits)
            let hard = outcomes.correct[exit][sample] ? 1.0 : 0
            return Int16((1000 * ((1 - weight) * hard + weight * outcomes.probability[exit][sample])).rounded())
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
        let limits = cuts.map { Int32(truncatingIfNeeded: $0) }
        withPointers { ranks, goods, macs in
            for sample in 0..<count {
                var exit = 0
                while exit < last && ranks[sample * last + exit] >= limits[exit] { exit += 1 }
                tally.good += Int(goods[sample * (last + 1) + exit])
                tally.cost += macs[exit]
            }
        }
        return tally
    }

    /// ``ranks``, ``goods`` and ``macs`` for an inner loop.
    func withPointers(_ body: (UnsafeBufferPointer<Int32>, UnsafeBufferPointer<Int16>, UnsafeBufferPointer<Double>) -> Void) {
        ranks.withUnsafeBufferPointer { ranks in
            goods.withUnsafeBufferPointer { goods in macs.withUnsafeBufferPointer { body(ranks, goods, $0) } }
        }
    }
}

/// Good answers (in units of ``RankedOutcomes/unit``) and multiply-adds of all samples together. Sums of whole numbers far below 2^53: exact.
struct CutTally: Hashable, Sendable {
    var good = 0
    var cost = 0.0
}
