/// How long each stage takes on this machine, learnt while it runs: for deadlines.
///
/// Kept per stage and per power of two of the group's size, as a running mean and a running mean deviation; the prediction
/// is the mean plus two deviations (as TCP estimates its timeouts, Jacobson 1988), so that most runs are faster.
struct StageTimes {
    private struct Estimate {
        var perSample = 0.0
        var deviation = 0.0
        var isKnown = false
    }

    /// Weight of a new measurement.
    private static let gain = 0.125
    private var estimates: [[Estimate]]

    /// - Parameter maximumCount: the largest group.
    init(stages: Int, maximumCount: Int) {
        let buckets = StageTimes.bucket(maximumCount) + 1
        estimates = Array(repeating: Array(repeating: Estimate(), count: buckets), count: stages)
    }

    private static func bucket(_ count: Int) -> Int { Int.bitWidth - max(count, 1).leadingZeroBitCount - 1 }

    mutating func record(stage: Int, count: Int, nanoseconds: Int64) {
        let index = min(StageTimes.bucket(count), estimates[stage].count - 1)
        let measured = Double(nanoseconds) / Double(count)
        var estimate = estimates[stage][index]
        if estimate.isKnown {
            estimate.deviation += StageTimes.gain * (abs(measured - estimate.perSample) - estimate.deviation)
            estimate.perSample += StageTimes.gain * (measured - estimate.perSample)
        } else {
            estimate = Estimate(perSample: measured, deviation: measured / 8, isKnown: true)
        }
        estimates[stage][index] = estimate
    }

    /// Nanoseconds for a group; 0 when nothing is known. A size that was never seen is predicted from the next smaller one
    /// that was, which is no faster per sample.
    func predicted(stage: Int, count: Int) -> Int64 {
        let index = min(StageTimes.bucket(count), estimates[stage].count - 1)
        let known = estimates[stage][...index].last(where: \.isKnown) ?? estimates[stage].first(where: \.isKnown)
        guard let known else { return 0 }
        return Int64((known.perSample + 2 * known.deviation) * Double(count))
    }
}
