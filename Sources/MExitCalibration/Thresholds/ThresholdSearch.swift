/// Searches per-exit thresholds by exact line searches.
///
/// The best cut of one exit, given those of the others, is found exactly in O(E N): walk through its samples from the surest
/// down and add up what letting each out changes. Coordinate ascent repeats this until no single cut can be bettered; moves of
/// two cuts at once (one set to a quantile, the other answering exactly) shift cost from one exit to another, which a budget
/// otherwise forbids. The whole problem has no dynamic program over ranks: which samples reach an exit depends on all thresholds
/// before it, not on their number.
final class ThresholdSearch {
    let ranked: RankedOutcomes
    /// Per sample, where it goes when it does not leave at the exit that is looked at; -1: it does not come so far.
    private var next: [Int16]

    init(_ ranked: RankedOutcomes) {
        self.ranked = ranked
        next = Array(repeating: 0, count: ranked.count)
    }

    /// The best cut at `exit`, the others as they are.
    func bestCut(_ exit: Int, _ cuts: [Int], _ goal: ThresholdGoal) -> (cut: Int, tally: CutTally) {
        let last = ranked.last
        let exits = last + 1
        let limits = cuts.map { Int32(truncatingIfNeeded: $0) }
        var tally = CutTally()
        var best = (cut: 0, tally: tally)
        ranked.withPointers { ranks, goods, macs in
            next.withUnsafeMutableBufferPointer { next in
                for sample in next.indices {
                    var leaves = 0
                    while leaves < last && (leaves == exit || ranks[sample * last + leaves] >= limits[leaves]) { leaves += 1 }
                    next[sample] = leaves < exit ? -1 : Int16(truncatingIfNeeded: leaves)
                    tally.good += Int(goods[sample * exits + leaves])
                    tally.cost += macs[leaves]
                }
                best.tally = tally
                var bestScore = goal.score(tally)
                let cost = macs[exit]
                let sure = ranked.sorted[exit]
                ranked.order[exit].withUnsafeBufferPointer { order in
                    for place in order.indices {
                        let sample = Int(order[place])
                        let later = Int(next[sample])
                        // A sample that does not come so far changes nothing.
                        if later >= 0 {
                            tally.good += Int(goods[sample * exits + exit]) - Int(goods[sample * exits + later])
                            tally.cost += cost - macs[later]
                        }
                        if place + 1 < order.count && sure[place] == sure[place + 1] { continue }
                        let score = goal.score(tally)
                        if score > bestScore {
                            bestScore = score
                            best = (place + 1, tally)
                        }
                    }
                }
            }
        }
        return best
    }

    /// Betters one cut after the other until none can be; never worse than `cuts`.
    func ascend(_ cuts: [Int], _ goal: ThresholdGoal) -> (cuts: [Int], tally: CutTally) {
        var cuts = cuts
        var tally = ranked.tally(cuts)
        guard ranked.last > 0 else { return (cuts, tally) }
        var unchanged = 0
        var exit = ranked.last - 1
        // Each change betters the score, of which there are finitely many; the limit only bounds the time.
        for _ in 0..<40 * ranked.last where unchanged < ranked.last {
            let best = bestCut(exit, cuts, goal)
            if goal.score(best.tally) > goal.score(tally) {
                cuts[exit] = best.cut
                tally = best.tally
                unchanged = 0
            } else {
                unchanged += 1
            }
            exit = exit == 0 ? ranked.last - 1 : exit - 1
        }
        return (cuts, tally)
    }

    /// As ``ascend(_:_:)``, with moves of two cuts.
    ///
    /// - Parameter quantiles: places that one of the two is tried at.
    func ascendByPairs(_ cuts: [Int], _ goal: ThresholdGoal, quantiles: Int = 12, rounds: Int = 3) -> (cuts: [Int], tally: CutTally) {
        var best = ascend(cuts, goal)
        guard ranked.last > 1 else { return best }
        for _ in 0..<rounds {
            var improved = false
            for moved in 0..<ranked.last {
                for step in 0...quantiles {
                    var trial = best.cuts
                    trial[moved] = ranked.possible(atMost: ranked.count * step / quantiles, at: moved)
                    if trial[moved] == best.cuts[moved] { continue }
                    for answering in 0..<ranked.last where answering != moved {
                        let answer = bestCut(answering, trial, goal)
                        if goal.score(answer.tally) > goal.score(best.tally) {
                            trial[answering] = answer.cut
                            best = ascend(trial, goal)
                            improved = true
                            break
                        }
                    }
                }
            }
            if !improved { break }
        }
        return best
    }
}
