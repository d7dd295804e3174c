#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import MExitData
import MExitRuntime

/// How a server runs.
public struct ServerOptions: Sendable {
    /// Threads that share each worker's inference.
    public var threads: Int
    /// Workers that take requests independently of each other, each with memory for samples of its own.
    public var workers = 1
    /// Threads that decode pictures beside it.
    public var decodeThreads: Int
    /// Samples that run a stage together, at most.
    public var maximumBatch = 32
    /// How those groups are formed.
    public var scheduling = Scheduling.stage
    /// Requests that may be under way; then reading stops until some are answered.
    public var maximumQueue = 256
    /// Microseconds to look for the next request before sleeping, when all are answered.
    public var spinMicroseconds = 50
    /// Bytes of a request's line.
    public var maximumLineBytes = 16 << 20
    /// Refuse what comes when the server is full, and what cannot meet its deadline, instead of letting it wait.
    public var sheds = false
    /// Seconds between two lines of statistics in the log; nil for none.
    public var statisticsInterval: Double?
    /// A file for metrics in Prometheus' text format, written anew every ``statisticsInterval`` (10 seconds without one).
    public var metricsFile: String?
    /// Answers in the order of the requests.
    public var isOrdered = false
    /// The folder below which requests may name files; nil for none.
    public var allowedPaths: String?
    /// For requests that name no policy.
    public var policy: PolicySource
    /// How requests and answers are written.
    public var wire = WireProtocol.ndjson
    /// Pixels of a picture before it is scaled to the model's input.
    public var maximumPixels = 1 << 26

    public init(threads: Int, policy: @escaping PolicySource) {
        self.threads = threads
        self.policy = policy
        decodeThreads = min(max(threads, 1), 4)
    }

    /// CPUs of this machine that are on line.
    public static var availableThreads: Int { max(1, min(1024, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))) }

    /// Lines under way, in bytes, over all requests.
    var maximumBytesUnderWay: Int { max(maximumLineBytes, 256 << 20) }

    var imageLimits: ImageLimits { ImageLimits(maximumPixels: maximumPixels, maximumBytes: max(maximumLineBytes, 1 << 16)) }

    /// Samples of a batch, so that its decoded inputs stay within 256 MiB.
    func requestLimits(for model: CompiledModel) -> RequestLimits {
        RequestLimits(maximumBatch: min(4096, max(1, (64 << 20) / max(model.inputShape.count, 1))))
    }

    /// Slots of a worker for samples under way: four groups' worth, within 1 GiB of memory, but at least one group's.
    func slots(for model: CompiledModel) -> Int {
        min(4 * maximumBatch, max(maximumBatch, (256 << 20) / max(model.slotFloats, 1)))
    }

    /// - Throws: ``RuntimeError`` naming the number that is out of range.
    func check() throws {
        if let seconds = statisticsInterval, !(0.1...86400).contains(seconds) {
            throw RuntimeError(.badUse, "--stats-interval is \(seconds); it must be 0.1 ... 86400 seconds")
        }
        for (name, value, range) in [
            ("--threads", threads, 1...1024), ("--workers", workers, 1...1024), ("--max-batch", maximumBatch, 1...4096), ("--max-queue", maximumQueue, 1...1_000_000),
            ("--max-line", maximumLineBytes, 1024...(1 << 32)), ("decode threads", decodeThreads, 1...1024),
            ("--spin", spinMicroseconds, 0...1_000_000), ("maximum pixels", maximumPixels, 1...(1 << 30)),
        ] where !range.contains(value) {
            throw RuntimeError(.badUse, "\(name) is \(value); it must be \(range.lowerBound) ... \(range.upperBound)")
        }
    }
}
