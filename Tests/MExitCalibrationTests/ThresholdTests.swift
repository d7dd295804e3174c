import MExitRuntime
import Testing
import _MExitTestSupport

@testable import MExitCalibration

/// The search against every possibility there is, on problems small enough to try them all.
@Suite struct ThresholdTests {
    private func ranked(_ count: Int, exits: Int, seed: UInt64) throws -> RankedOutcomes {
        RankedOutcomes(try outcomes(count, exits: exits, seed: seed))
    }

    private func outcomes(_ count: Int, exits: Int, seed: UInt64, measure: ConfidenceMeasure = .confidence) throws -> ExitOutcomes {
        ExitOutcomes(
            try syntheticLogits(count: count, exits: exits, classes: 3, seed: seed), measure: measure,
            temperatures: Array(repeating: 1, count: exits))
    }

    /// All combinations of cuts, for three exits.
    private func everyCut(_ ranked: RankedOutcomes) -> [[Int]] {
        (0...ranked.count).flatMap { first in (0...ranked.count).map { [first, $0] } }
            .filter { cuts in cuts.indices.allSatisfy { ranked.isPossible(cuts[$0], at: $0) } }
    }

    @Test func aLineSearchFindsTheBestCut() throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let ranked = try ranked(15, exits: 3, seed: seed)
            let search = ThresholdSearch(ranked)
            let whole = ranked.macs[2] * 15
            for goal in [ThresholdGoal.mostGood(cost: whole * 0.6), .leastCost(good: 11), .priced(1e-3)] {
                for exit in 0..<2 {
                    let start = [Int(seed) % 9, Int(seed) % 7]
                    let found = search.bestCut(exit, start, goal)
                    let all = (0...15).filter { ranked.isPossible($0, at: exit) }.map { cut -> CutTally in
                        var cuts = start
                        cuts[exit] = cut
                        return ranked.tally(cuts)
                    }
                    let best = try #require(all.max { goal.score($0) < goal.score($1) })
                    #expect(goal.score(found.tally) == goal.score(best), "seed \(seed), \(goal), exit \(exit)")
                    var cuts = start
                    cuts[exit] = found.cut
                    #expect(ranked.tally(cuts) == found.tally)
                }
            }
        }
    }

    /// With three exits and 12 samples the moves of two cuts reach everything: the search finds the optimum.
    @Test func smallProblemsAreSolvedExactly() throws {
        for seed in 1...30 as ClosedRange<UInt64> {
            let ranked = try ranked(12, exits: 3, seed: seed)
            let optimiser = ThresholdOptimiser(ranked)
            let all = everyCut(ranked).map(ranked.tally)
            for share in [0.4, 0.55, 0.7, 0.9] {
                let goal = ThresholdGoal.mostGood(cost: share * ranked.macs[2] * 12)
                let best = try #require(all.max { goal.score($0) < goal.score($1) })
                let found = optimiser.solve(goal).map(ranked.tally)
                if goal.isMet(best) { #expect(found?.good == best.good, "seed \(seed), share \(share)") } else { #expect(found == nil) }
            }
            for good in [5, 8, 10, 13] {
                let goal = ThresholdGoal.leastCost(good: good)
                let best = try #require(all.max { goal.score($0) < goal.score($1) })
                let found = optimiser.solve(goal).map(ranked.tally)
                if goal.isMet(best) { #expect(found?.cost == best.cost, "seed \(seed), \(good)") } else { #expect(found == nil) }
            }
        }
    }

    /// The guarantee: on the samples it is given, never worse than one-parameter thresholds of any kind.
    @Test func neverWorseThanSimplerMethods() throws {
        let ranked = try ranked(800, exits: 5, seed: 3)
        let optimiser = ThresholdOptimiser(ranked)
        for step in 1...20 {
            let limit = (ranked.macs[0] + (ranked.macs[4] - ranked.macs[0]) * Double(step) / 20) * 800
            let found = try #require(optimiser.solve(.mostGood(cost: limit)).map(ranked.tally))
            #expect(found.cost <= limit)
            for simple in [SimpleThresholds.geometric(ranked, cost: limit), SimpleThresholds.shared(ranked, cost: limit)] {
                let tally = ranked.tally(try #require(simple))
                #expect(tally.cost <= limit && tally.good <= found.good)
            }
        }
    }

    /// The same for what is used: smoothed searches included, whatever the weight.
    @Test func fitsKeepTheirGoals() throws {
        let outcomes = try outcomes(600, exits: 4, seed: 4)
        let ranked = RankedOutcomes(outcomes)
        for softness in [0, 0.5, 1] {
            let fitter = PolicyFitter(.confidence, outcomes, softness: softness)
            for step in 0...10 {
                let macs = ranked.macs[0] + (ranked.macs[3] - ranked.macs[0]) * Double(step) / 10
                let tally = outcomes.tally(exits: outcomes.exits(thresholds: try #require(fitter.fit(.mostAccurate(macs: macs)))))
                let geometric = ranked.tally(try #require(SimpleThresholds.geometric(ranked, cost: macs * 600)))
                #expect(tally.meanMACs <= macs && tally.correct >= geometric.good, "softness \(softness), \(macs)")
            }
            let best = fitter.mostAccurate()
            let cheapest = try #require(fitter.fit(.cheapest(accuracy: Double(best.good) / 600)))
            #expect(outcomes.tally(exits: outcomes.exits(thresholds: cheapest)).correct >= best.good)
            #expect(fitter.fit(.cheapest(accuracy: 601 / 600.0)) == nil)
        }
    }

    /// A cost that is named is spent to 99.5 % or more, up to that of the most right answers: also where the labels of these
    /// samples say that less would do. Without the rule some of these spend over 1 % less (the last expectation).
    @Test func whatIsNamedIsSpent() throws {
        let outcomes = try outcomes(600, exits: 5, seed: 12)
        let ranked = RankedOutcomes(outcomes)
        for softness in [0, 0.5] {
            let fitter = PolicyFitter(.confidence, outcomes, softness: softness)
            let optimiser = ThresholdOptimiser(softness > 0 ? ranked.softened(outcomes, weight: softness) : ranked)
            let whole = try #require(fitter.fit(.mostAccurate(macs: ranked.macs[4])))
            let most = outcomes.tally(exits: outcomes.exits(thresholds: whole)).meanMACs
            var unspent = 0
            for step in 1...40 {
                let macs = ranked.macs[0] + (most - ranked.macs[0]) * Double(step) / 40
                let tally = outcomes.tally(exits: outcomes.exits(thresholds: try #require(fitter.fit(.mostAccurate(macs: macs)))))
                // Of all samples together: the mean is rounded.
                #expect(tally.macs <= macs * 600 && tally.macs >= 0.995 * (macs * 600), "softness \(softness), \(macs): \(tally.meanMACs)")
                let plain = try #require(optimiser.solve(.mostGood(cost: macs * 600)).map(ranked.tally))
                if plain.cost < 0.99 * macs * 600 { unspent += 1 }
            }
            if softness == 0 { #expect(unspent > 0) }
            // Beyond, more cost has no more right answers: it is not spent.
            let beyond = outcomes.tally(exits: outcomes.exits(thresholds: try #require(fitter.fit(.mostAccurate(macs: most * 1.2)))))
            #expect(beyond.meanMACs < most * 1.1)
        }
    }

    /// What thresholds do to samples one by one is what the search counted.
    @Test func thresholdsMeanTheirCuts() throws {
        for measure in ConfidenceMeasure.allCases {
            let outcomes = try outcomes(300, exits: 4, seed: 8, measure: measure)
            let ranked = RankedOutcomes(outcomes)
            for cuts in [[0, 0, 0], [300, 300, 300], [40, 130, 220], [1, 299, 0]] {
                let possible = cuts.enumerated().map { ranked.possible(atMost: $1, at: $0) }
                let tally = outcomes.tally(exits: outcomes.exits(thresholds: ranked.thresholds(possible)))
                #expect(CutTally(good: tally.correct, cost: tally.macs) == ranked.tally(possible))
                #expect(zip(ranked.thresholds(possible), possible).enumerated().allSatisfy { ranked.cut(threshold: $1.0, at: $0) == $1.1 })
            }
        }
    }

    /// Equal certainties cannot be told apart by a threshold.
    @Test func tiesLeaveTogether() throws {
        let logits = try ExitLogits(
            name: "ties", labels: [0, 1, 0, 1], classCount: 2, macs: [1, 2], values: [[1, 0, 1, 0, 1, 0, 3, 0], [1, 0, 0, 1, 1, 0, 0, 1]])
        let ranked = RankedOutcomes(ExitOutcomes(logits, measure: .confidence, temperatures: [1, 1]))
        #expect((0...4).map { ranked.isPossible($0, at: 0) } == [true, true, false, false, true])
        #expect(ranked.possible(atMost: 3, at: 0) == 1)
    }

    @Test func patienceCountsConfirmations() throws {
        let logits = try ExitLogits(
            name: "streaks", labels: [0, 1], classCount: 2, macs: [1, 2, 3, 4],
            // Labels 0 0 0 0, and 0 1 1 0.
            values: [[1, 0, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1], [1, 0, 1, 0]])
        let outcomes = ExitOutcomes(logits, measure: .confidence, temperatures: [1, 1, 1, 1])
        #expect(outcomes.exits(patience: 1) == [1, 2])
        #expect(outcomes.exits(patience: 2) == [2, 3])
        #expect(outcomes.exits(patience: 3) == [3, 3])
    }

    /// Geometric shares: as many leave at exit k + 1 as at exit k times q.
    @Test func geometricSharesAreGeometric() throws {
        let outcomes = try outcomes(1000, exits: 4, seed: 2)
        let ranked = RankedOutcomes(outcomes)
        let left = outcomes.tally(exits: outcomes.exits(thresholds: ranked.thresholds(SimpleThresholds.geometricCuts(ranked, q: 0.5)))).left
        // 8 : 4 : 2 : 1 of 1000; rounding moves at most one sample per exit.
        #expect(zip(left, [533, 267, 133, 67]).allSatisfy { abs($0 - $1) <= 3 }, "\(left)")
    }

    @Test func crossValidationJudgesEverySampleOnce() throws {
        let outcomes = try outcomes(203, exits: 4, seed: 5)
        let order = shuffledIndices(203, seed: 9)
        #expect(order.sorted() == Array(0..<203))
        let validation = CrossValidation(.confidence, outcomes, order: order, folds: 5)
        let result = try #require(validation.run(.mostAccurate(macs: 2500)))
        #expect(result.tally.count == 203 && result.exits.count == 203)
        #expect(outcomes.tally(exits: result.exits) == result.tally)
        #expect(validation.run(.cheapest(accuracy: 1.1)) == nil)
    }
}
