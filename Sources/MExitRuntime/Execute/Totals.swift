internal import Histogram

/// What a context has done since it was made. Everything adds up: once no slot is taken, ``macs`` are the multiply-adds that
/// ``InferenceContext/work`` counted while they were executed, and ``samples`` is the sum of ``exits`` and ``unanswered``.
public struct Totals: Sendable {
    /// Samples that were loaded and whose slots have been given back.
    public var samples: Int { exits.reduce(unanswered, +) }
    /// Of those, how many went how deep: one number per kept exit.
    public internal(set) var exits: [Int]
    /// Of those, how many were given back before stage 0 was run.
    public internal(set) var unanswered = 0
    /// Multiply-adds that these samples took, and what they did not take because they left early; the same in FLOPs.
    public internal(set) var macs = 0
    public internal(set) var macsSaved = 0
    public internal(set) var flops = 0
    public internal(set) var flopsSaved = 0
    /// How often and how long each stage ran, samples that are still under way included.
    public internal(set) var stages: [StageTotals]

    init(stageCount: Int) {
        exits = Array(repeating: 0, count: stageCount)
        stages = (0..<stageCount).map { _ in StageTotals() }
    }

    /// Counts a sample that has run `stages` stages.
    mutating func count(_ model: CompiledModel, stages: Int) {
        let whole = model.cumulativeCosts[model.stageCount - 1]
        guard stages > 0 else {
            unanswered += 1
            macsSaved += whole.macs
            flopsSaved += whole.flops
            return
        }
        let done = model.cumulativeCosts[stages - 1]
        exits[stages - 1] += 1
        macs += done.macs
        macsSaved += whole.macs - done.macs
        flops += done.flops
        flopsSaved += whole.flops - done.flops
    }
}

/// The runs of one stage.
public struct StageTotals: Sendable {
    /// Groups that ran it, and samples in them.
    public private(set) var runs = 0
    public private(set) var samples = 0
    /// Time of all runs together.
    public private(set) var time = Duration.zero
    /// Nanoseconds of each run, from 128 ns to an hour, kept to two significant digits.
    private var histogram = Histogram<UInt64>(
        lowestDiscernibleValue: 128, highestTrackableValue: longest, numberOfSignificantValueDigits: .two)

    private static let longest: UInt64 = 3_600_000_000_000

    mutating func record(samples count: Int, nanoseconds: Int64) {
        let nanoseconds = max(nanoseconds, 0)
        runs += 1
        samples += count
        time += .nanoseconds(nanoseconds)
        histogram.record(min(UInt64(nanoseconds), StageTotals.longest))
    }

    /// The time that a share of the runs does not exceed, to two significant digits; zero when there were none.
    ///
    /// - Parameter share: 0 ... 1; 0.5 for the median.
    public func time(ofShare share: Double) -> Duration {
        guard runs > 0 else { return .zero }
        return .nanoseconds(Int64(histogram.valueAtPercentile(min(max(share, 0), 1) * 100)))
    }
}
