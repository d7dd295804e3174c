import MExitRuntime

/// What can be chosen about measuring.
public struct BenchmarkSettings: Encodable, Hashable, Sendable {
    /// Samples of each time.
    public var repetitions: Int
    /// Runs before them that are not counted.
    public var warmups: Int
    /// A series of samples ends early when it has taken this long, but not before it has three.
    public var maximumSeconds: Double

    /// - Throws: ``BenchmarkError`` naming the number and its range.
    public init(repetitions: Int = 20, warmups: Int = 3, maximumSeconds: Double = 10) throws {
        guard (1...1_000_000).contains(repetitions) else {
            throw BenchmarkError("the number of repetitions is \(repetitions); it must be 1 ... 1000000")
        }
        guard (0...1_000_000).contains(warmups) else {
            throw BenchmarkError("the number of warm-ups is \(warmups); it must be 0 ... 1000000")
        }
        guard maximumSeconds > 0, maximumSeconds.isFinite else {
            throw BenchmarkError("the longest series is \(maximumSeconds) s; it must be finite and above 0")
        }
        self.repetitions = repetitions
        self.warmups = warmups
        self.maximumSeconds = maximumSeconds
    }

    /// Calls `body` for the warm-ups, then for the samples.
    func series(_ body: (_ isSample: Bool) throws -> Void) rethrows {
        for _ in 0..<warmups { try body(false) }
        let start = MonotonicTime.seconds
        for done in 0..<repetitions {
            if done >= 3, MonotonicTime.seconds - start > maximumSeconds { return }
            try body(true)
        }
    }
}

/// Why something cannot be measured, or that what was computed while measuring is wrong.
public struct BenchmarkError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}

/// Repeated measurements of one time, in seconds.
public struct Samples: Encodable, Hashable, Sendable {
    public private(set) var seconds: [Double]

    public init(_ seconds: [Double] = []) { self.seconds = seconds }

    mutating func append(_ value: Double) { seconds.append(value) }

    /// The middle one, or the mean of the two in the middle; 0 without samples.
    public var median: Double { quantile(0.5) }
    public var minimum: Double { seconds.min() ?? 0 }
    /// From the first to the third quartile, relative to the median: what half of the samples keep within.
    public var spread: Double { median > 0 ? (quantile(0.75) - quantile(0.25)) / median : 0 }

    /// Linear between neighbours, as numpy's default.
    func quantile(_ share: Double) -> Double {
        let sorted = seconds.sorted()
        guard let last = sorted.last else { return 0 }
        let position = share * Double(sorted.count - 1)
        let below = Int(position)
        guard below + 1 < sorted.count else { return last }
        return sorted[below] + (position - Double(below)) * (sorted[below + 1] - sorted[below])
    }

    enum CodingKeys: String, CodingKey {
        case medianSeconds, minimumSeconds, spread, seconds
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(median, forKey: .medianSeconds)
        try container.encode(minimum, forKey: .minimumSeconds)
        try container.encode(spread, forKey: .spread)
        try container.encode(seconds, forKey: .seconds)
    }
}

/// Arithmetic per second, from the multiply-adds of convolutions and linear layers alone: two operations each.
public struct Rate: Encodable, Hashable, Sendable {
    /// 2 x MACs / time / 10^9.
    public let gflops: Double
    /// Of the FMA peak on as many threads, 0 ... 1.
    public let shareOfPeak: Double

    init(macs: Int, seconds: Double, peak: Double) {
        gflops = seconds > 0 ? 2e-9 * Double(macs) / seconds : 0
        shareOfPeak = peak > 0 ? gflops / peak : 0
    }
}
