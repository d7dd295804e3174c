import MExitIR
import MExitRuntime

extension GainTables {
    /// Estimates, by how sure each exit is, how often it and the exits after it are right.
    ///
    /// Single labels are noisy, and a rank follows the noise of small differences between neighbouring buckets: it sends the
    /// wrong samples on. Two things hold against that. An answer counts half for being right and half for the probability that
    /// the exit gives it, as in the search for thresholds (``RankedOutcomes/softened(_:weight:)``). And what is gained by going to
    /// a later exit never rises with certainty: the counts are brought to the closest values that do not.
    ///
    /// From which mean cost on each bucket should go on is found by ``OptimalStopping``.
    ///
    /// Buckets hold about as many samples each, at least ``leastPerBucket``.
    ///
    /// - Parameter temperatures: one per exit.
    /// - Complexity: O(N E K + N log N), and some 70 times N E for the levels.
    static func counted(_ logits: ExitLogits, measure: ConfidenceMeasure, temperatures: [Double], date: String) -> GainTables {
        let outcomes = ExitOutcomes(logits, measure: measure, temperatures: temperatures)
        let worth = (0..<outcomes.exitCount).map { exit in
            zip(outcomes.correct[exit], outcomes.probability[exit]).map { ($0 ? 0.5 : 0) + 0.5 * $1 }
        }
        var tables = (0..<outcomes.last).map { table($0, outcomes, worth) }
        let stopping = OptimalStopping(
            macs: outcomes.macs, buckets: tables.indices.map { exit in outcomes.certainty[exit].map { tables[exit].bucket(of: $0) } },
            bucketCounts: tables.map(\.counts.count), worth: worth)
        for (exit, levels) in stopping.levels().enumerated() { tables[exit].goesOnFrom = levels }
        return GainTables(
            measure: measure.rawValue, temperatures: temperatures, exits: tables,
            method: "labels and probabilities in buckets of equal shares of samples, gains not rising with certainty; levels by optimal stopping",
            samples: logits.count, dataFingerprint: logits.fingerprint, date: date)
    }

    /// The table of one exit.
    ///
    /// - Parameter worth: per exit, per sample, what its answer counts.
    private static func table(_ exit: Int, _ outcomes: ExitOutcomes, _ worth: [[Double]]) -> GainTable {
        var table = GainTable(edges: edges(outcomes.certainty[exit]), accuracy: [], counts: [])
        let later = exit..<outcomes.exitCount
        table.counts = Array(repeating: 0, count: table.edges.count + 1)
        var sums = table.counts.map { _ in [Double](repeating: 0, count: later.count) }
        for sample in 0..<outcomes.count {
            let bucket = table.bucket(of: outcomes.certainty[exit][sample])
            table.counts[bucket] += 1
            for other in later { sums[bucket][other - exit] += worth[other][sample] }
        }
        let weights = table.counts.map { Double(max($0, 1)) }
        let own = zip(sums, weights).map { $0[0] / $1 }
        var columns = [own]
        for other in later.dropFirst() {
            let gains = zip(sums, weights).map { ($0[other - exit] - $0[0]) / $1 }
            columns.append(zip(own, IsotonicRegression.falling(gains, weights: weights)).map { min(max($0 + $1, 0), 1) })
        }
        table.accuracy = own.indices.map { bucket in columns.map { $0[bucket] } }
        return table
    }

    static let leastPerBucket = 50
    static let mostBuckets = 100

    private static func edges(_ certainty: [Double]) -> [Double] {
        let sorted = certainty.sorted()
        let buckets = min(mostBuckets, sorted.count / leastPerBucket)
        var edges: [Double] = []
        for bucket in 1..<max(buckets, 1) {
            let edge = sorted[sorted.count * bucket / buckets]
            if edge > edges.last ?? 0, edge < 1 { edges.append(edge) }
        }
        return edges
    }
}
