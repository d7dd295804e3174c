#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import MExitParallel
import MExitRuntime
import Synchronization

/// The thread that answers under deadlines.
public enum Answering: String, Encodable, Sendable {
    /// As any other, one answer after the other without rest.
    case ordinary
    /// The same, but it offers its processor to the others before each answer (`sched_yield`); the deadline counts from when it
    /// goes on.
    case yielding
    /// Before all ordinary ones (``RealtimeThread``).
    case realtime = "real-time"
}

/// How well deadlines are held, and how deep answers go that are held to them.
public struct DeadlineResult: Encodable, Sendable {
    /// Threads that did nothing but compute beside it.
    public let busyThreads: Int
    public let answering: Answering
    /// The exit whose time on the quiet machine, with a fifth more, is the deadline.
    public let exit: Int
    public let deadlineSeconds: Double
    public let answers: Int
    /// Share of the answers that were ready in time.
    public let inTime: Double
    /// The same of answers, taken in turns with them, that never go beyond the first exit: no policy can be in time more often.
    public let firstInTime: Double
    /// Mean number of stages run, and that of an oracle which knows that every stage takes its median time on the quiet machine.
    public let meanStages: Double
    public let oracleStages: Int
    /// Mean time before an answer for which others took the processor that was offered to them.
    public let waitSeconds: Double

    /// Of the answers that could be in time, the share that were.
    public var ofPossible: Double { firstInTime > 0 ? min(inTime / firstInTime, 1) : 1 }
}

/// Answers under deadlines: on the machine as it is, then with as many busy threads beside it as there are processors, then
/// yielding to them before each answer, then as a real-time thread beside them, where the system permits it.
struct DeadlineBenchmark {
    /// Above the time of the exit.
    private static let margin = 1.2
    /// Ways to answer in turns: as deep as the time allows, and at the first exit.
    private let policies: (deep: CheckedPolicy, first: CheckedPolicy)
    private let model: CompiledModel
    private let input: Input
    private let answers: Int

    /// - Parameter answers: under each deadline.
    init(_ subject: BenchmarkSubject, _ model: CompiledModel, answers: Int) throws {
        self.model = model
        input = .values(subject.inputs(1)[0])
        self.answers = answers
        policies = (try CheckedPolicy(.last(of: model), for: model), try CheckedPolicy(.exit(model.exits[0]), for: model))
    }

    func measure(threads: Int, processors: Int) throws -> [DeadlineResult] {
        let ends = try timesToExits(InferenceContext(model, threads: threads))
        let quiet = try measure(threads, ends, busyThreads: 0, .ordinary)
        return try beside(processors) {
            let ordinary = try measure(threads, ends, busyThreads: processors, .ordinary)
            let yielding = try measure(threads, ends, busyThreads: processors, .yielding)
            guard (try? RealtimeThread.enter()) != nil else { return quiet + ordinary + yielding }
            defer { try? RealtimeThread.leave() }
            return try quiet + ordinary + yielding + measure(threads, ends, busyThreads: processors, .realtime)
        }
    }

    /// Median seconds to each exit.
    private func timesToExits(_ context: InferenceContext) throws -> [Double] {
        var samples = [Samples](repeating: Samples(), count: model.stageCount)
        try context.measureStages(runs: 32)
        for _ in 0..<200 {
            let start = MonotonicTime.seconds
            for (stage, _) in try context.anytime(input).enumerated() { samples[stage].append(MonotonicTime.seconds - start) }
        }
        return samples.map(\.median)
    }

    private func measure(_ threads: Int, _ ends: [Double], busyThreads: Int, _ answering: Answering) throws -> [DeadlineResult] {
        let context = try InferenceContext(model, threads: threads)
        // Predictions follow the machine as it is.
        try context.measureStages(runs: 256)
        return try ends.indices.map { stage in
            let deadline = DeadlineBenchmark.margin * ends[stage]
            var waited = 0.0
            func answer(_ policy: CheckedPolicy) throws -> TimedAnswer {
                if answering == .yielding {
                    let start = MonotonicTime.seconds
                    sched_yield()
                    waited += MonotonicTime.seconds - start
                }
                return try context.classify(input, policy: policy, deadline: .now + .nanoseconds(Int64(1e9 * deadline)))
            }
            var (inTime, firstInTime, stages) = (0, 0, 0)
            for _ in 0..<answers {
                let timed = try answer(policies.deep)
                if !timed.isLate { inTime += 1 }
                stages += timed.answer.stages
                if try !answer(policies.first).isLate { firstInTime += 1 }
            }
            let count = Double(answers)
            return DeadlineResult(
                busyThreads: busyThreads, answering: answering, exit: model.exits[stage], deadlineSeconds: deadline, answers: answers,
                inTime: Double(inTime) / count, firstInTime: Double(firstInTime) / count, meanStages: Double(stages) / count,
                oracleStages: ends.count { $0 <= deadline }, waitSeconds: waited / (2 * count))
        }
    }

    /// Runs `body` beside threads that compute without rest.
    private func beside<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
        let stop = Stop()
        let threads = (0..<count).map { _ in
            WorkerThread {
                var x = 1.0
                while !stop.isSet { for _ in 0..<1000 { x = (x * 1.0000001).truncatingRemainder(dividingBy: 3) + 1 } }
                stop.keep(x)
            }
        }
        defer {
            stop.set()
            threads.forEach { $0.join() }
        }
        return try body()
    }
}

private final class Stop: Sendable {
    private let flag = Atomic<Bool>(false)
    private let sum = Mutex(0.0)
    var isSet: Bool { flag.load(ordering: .relaxed) }
    func set() { flag.store(true, ordering: .relaxed) }
    /// Takes a result, so that computing it cannot be left out.
    func keep(_ value: Double) { sum.withLock { $0 += value } }
}
