import Histogram

/// How long things took: counts per duration, in memory that does not grow (an HDR histogram).
///
/// From half a microsecond to an hour; what is longer counts as an hour. Percentiles are exact to the given number of
/// digits.
package struct DurationHistogram: Sendable {
    package enum Digits: Sendable {
        /// Within 1 %, in 28 KB.
        case two
        /// Within 0.1 %, in 190 KB.
        case three
    }

    private static let longest: Int64 = 3_600_000_000_000
    private var counts: Histogram<UInt64>
    /// Nanoseconds, over all.
    package private(set) var sum: Int64 = 0
    /// Nanoseconds; 0 when nothing was recorded.
    package private(set) var maximum: Int64 = 0

    package init(digits: Digits = .two) {
        counts = Histogram(
            lowestDiscernibleValue: 512, highestTrackableValue: UInt64(DurationHistogram.longest),
            numberOfSignificantValueDigits: digits == .two ? .two : .three)
    }

    /// A negative duration (a clock that was read on two processors) counts as 0.
    package mutating func record(nanoseconds: Int64) {
        let duration = min(max(nanoseconds, 0), DurationHistogram.longest)
        counts.record(UInt64(duration))
        sum &+= duration
        maximum = max(maximum, duration)
    }

    package var count: Int { Int(counts.totalCount) }

    /// Nanoseconds; 0 when nothing was recorded.
    package var mean: Double { count > 0 ? Double(sum) / Double(count) : 0 }

    /// The duration that `percent` of all do not exceed, in nanoseconds; 0 when nothing was recorded.
    package func percentile(_ percent: Double) -> Int64 {
        count > 0 ? min(Int64(counts.valueAtPercentile(percent)), maximum) : 0
    }

    /// How many took at most so long; a bucket that lies across the limit counts as below it.
    package func count(atMost nanoseconds: Int64) -> Int {
        count > 0 ? Int(counts.count(within: 0...UInt64(max(nanoseconds, 0)))) : 0
    }
}

extension JSONWriter {
    /// `{"mean_ms":…,"p50_ms":…,"p95_ms":…,"p99_ms":…,"p999_ms":…,"max_ms":…}`
    mutating func member(_ key: String, _ durations: DurationHistogram) {
        self.key(key)
        object {
            $0.member("mean_ms", milliseconds: Int64(durations.mean))
            $0.member("p50_ms", milliseconds: durations.percentile(50))
            $0.member("p95_ms", milliseconds: durations.percentile(95))
            $0.member("p99_ms", milliseconds: durations.percentile(99))
            $0.member("p999_ms", milliseconds: durations.percentile(99.9))
            $0.member("max_ms", milliseconds: durations.maximum)
        }
    }
}
