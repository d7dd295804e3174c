import MExitIR
import Testing

@testable import MExitCalibration

/// From which mean cost on a bucket goes on, where the answer can be worked out by hand.
@Suite struct OptimalStoppingTests {
    @Test func withOneChoiceTheSteepestGainsComeFirst() {
        // Four buckets of ten; they gain 0.4, 0.2, 0 and -0.1.
        let later = [0.9, 0.7, 0.5, 0.4].flatMap { Array(repeating: $0, count: 10) }
        let stopping = OptimalStopping(
            macs: [10, 30], buckets: [(0..<40).map { $0 / 10 }], bucketCounts: [4], worth: [Array(repeating: 0.5, count: 40), later])
        let levels = stopping.levels()
        let expected: [[Double]] = [[15, 20, stopping.never, stopping.never]]
        #expect(levels == expected)
        #expect(stopping.never > 30)
    }

    /// Exit 1 is no better than exit 0, but tells apart who gains by exit 2: that is worth going there.
    @Test func whatALaterExitTellsIsWorthAStage() {
        let worth: [[Double]] = [Array(repeating: 0.5, count: 40), Array(repeating: 0.5, count: 40), (0..<40).map { $0 < 10 ? 1 : 0.5 }]
        let stopping = OptimalStopping(
            macs: [10, 20, 120], buckets: [Array(repeating: 0, count: 40), (0..<40).map { $0 < 10 ? 0 : 1 }], bucketCounts: [1, 2], worth: worth)
        // All pay for stage 1; a quarter pays for stage 2.
        let levels = stopping.levels()
        #expect(levels[0] == [45.0])
        #expect(levels[1][1] == stopping.never)
        // Who is there goes on from a lower cost than who would have to come first: no policy sends only those.
        #expect(levels[1][0] <= levels[0][0])
    }

    /// The policy of each level costs what the level says, and dearer ones are about as accurate or more.
    @Test func levelsAreCostsOfPolicies() throws {
        let logits = try syntheticLogits(count: 2000)
        let outcomes = ExitOutcomes(logits, measure: .confidence, temperatures: [1, 1, 1, 1])
        let tables = GainTables.counted(logits, measure: .confidence, temperatures: [1, 1, 1, 1], date: "").exits
        let levels = Set(tables.flatMap(\.goesOnFrom)).filter { $0 <= outcomes.macs[3] }.sorted()
        #expect(levels.count > 10)
        var last = 0.0
        for level in levels {
            let exits = (0..<outcomes.count).map { sample in
                (0..<3).first { exit in tables[exit].goesOnFrom[tables[exit].bucket(of: outcomes.certainty[exit][sample])] > level } ?? 3
            }
            let tally = outcomes.tally(exits: exits)
            #expect(abs(tally.meanMACs - level) < 1e-6 * level)
            #expect(tally.accuracy > last - 0.01, "dearer policies are hardly ever worse on the samples that shaped them")
            last = tally.accuracy
        }
    }
}
