import MExitServing

/// What one load measured.
public struct LoadResult: Sendable {
    public let arrivals: Arrivals
    private let warmUp: Int
    private let start: Int64
    /// Labels of the requests under way, by id.
    private var labels: [Int: Int] = [:]
    private var answers = 0
    /// When measuring began, and when the last answer came.
    private var measuredFrom: Int64
    private var lastAnswer: Int64
    /// Requests that came, answers awaited before measuring included.
    private(set) var requests = 0
    /// Of the answers that are measured:
    private(set) var measured = 0
    private(set) var errors: [String: Int] = [:]
    private(set) var latency = DurationHistogram(digits: .three)
    /// What is left of the latency without the stages: waiting and the protocol.
    private(set) var overhead = DurationHistogram(digits: .three)
    private(set) var compute = DurationHistogram(digits: .three)
    private(set) var labelled = 0
    private(set) var correct = 0
    private(set) var macs = 0
    private(set) var macsSaved = 0
    private(set) var late = 0
    private(set) var exits: [Int] = []
    /// What a load takes of the machine; nil where the system does not tell.
    struct Resources: Sendable {
        /// Resident memory of the server in KiB.
        var memory: Int?
        /// Processor time of the server and of this process, in nanoseconds.
        var serverTime: Int64?
        var ownTime: Int64?

        init(_ server: ServerProcess) {
            memory = server.residentKiB
            serverTime = server.processorTime
            ownTime = ServerProcess.ownProcessorTime
        }
    }

    /// When the load began and when it ended.
    var before: Resources?
    var after: Resources?

    init(_ options: LoadGenerator.Options, start: Int64) {
        arrivals = options.arrivals
        warmUp = options.warmUp
        self.start = start
        measuredFrom = start
        lastAnswer = start
    }

    mutating func sent(id: Int, label: Int?) {
        requests += 1
        labels[id] = label
    }

    mutating func answered(_ answer: LoadAnswer, latency nanoseconds: Int64, at now: Int64) {
        let label = labels.removeValue(forKey: answer.id)
        answers += 1
        guard answers > warmUp else {
            measuredFrom = now
            return
        }
        lastAnswer = now
        measured += 1
        guard let result = answer.result else {
            errors[answer.code, default: 0] += 1
            return
        }
        latency.record(nanoseconds: nanoseconds)
        overhead.record(nanoseconds: nanoseconds - result.compute)
        compute.record(nanoseconds: result.compute)
        macs += result.macs
        macsSaved += result.macsSaved
        if result.isLate { late += 1 }
        if result.exit >= 0, result.exit < 4096 {
            while exits.count <= result.exit { exits.append(0) }
            exits[result.exit] += 1
        }
        if let label {
            labelled += 1
            if label == result.label { correct += 1 }
        }
    }

    /// Seconds from the first to the last measured answer.
    public var seconds: Double { Double(lastAnswer - measuredFrom) / 1e9 }
    /// Results a second.
    public var throughput: Double { seconds > 0 ? Double(latency.count) / seconds : 0 }
    /// Nanoseconds of processor time per request, those before measuring began included; nil where the system does not tell.
    func processorTime(_ part: KeyPath<Resources, Int64?>) -> Double? {
        guard let start = before?[keyPath: part], let end = after?[keyPath: part], requests > 0 else { return nil }
        return Double(end - start) / Double(requests)
    }
    public var errorCount: Int { errors.values.reduce(0, +) }
}
