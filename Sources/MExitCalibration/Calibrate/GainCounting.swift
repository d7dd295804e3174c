import MExitIR
import MExitRuntime

extension GainTables {
    /// Counts, by how sure each exit is, how often it and the exits after it are right.
    ///
    /// Buckets hold about as many samples each, at least ``leastPerBucket``, so that every share is known about as well.
    ///
    /// - Parameter temperatures: one per exit.
    static func counted(_ logits: ExitLogits, measure: ConfidenceMeasure, temperatures: [Double], date: String) -> GainTables {
        let outcomes = ExitOutcomes(logits, measure: measure, temperatures: temperatures)
        let tables = (0..<outcomes.last).map { exit in
            var table = GainTable(edges: edges(outcomes.certainty[exit]), accuracy: [], counts: [])
            var counts = [Int](repeating: 0, count: table.edges.count + 1)
            var right = counts.map { _ in [Int](repeating: 0, count: outcomes.exitCount - exit) }
            for sample in 0..<outcomes.count {
                let bucket = table.bucket(of: outcomes.certainty[exit][sample])
                counts[bucket] += 1
                for later in exit..<outcomes.exitCount where outcomes.correct[later][sample] { right[bucket][later - exit] += 1 }
            }
            table.counts = counts
            table.accuracy = zip(right, counts).map { right, count in right.map { Double($0) / Double(max(count, 1)) } }
            return table
        }
        return GainTables(
            measure: measure.rawValue, temperatures: temperatures, exits: tables, method: "counted in buckets of equal shares of samples",
            samples: logits.count, dataFingerprint: logits.fingerprint, date: date)
    }

    /// At 0.5 a share's standard error is 0.07 then.
    static let leastPerBucket = 50
    static let mostBuckets = 20

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
