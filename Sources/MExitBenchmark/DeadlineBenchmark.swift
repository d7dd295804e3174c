import MExitParallel
import MExitRuntime
import Synchronization

/// How well deadlines are held, and how deep answers go that are held to them.
public struct DeadlineResult: Encodable, Sendable {
    /// Threads that did nothing but compute beside it.
    public let busyThreads: Int
    /// The exit whose time on the quiet machine, with a fifth more, is the deadline.
    public let exit: Int
    public let deadlineSeconds: Double
    public let answers: Int
    /// Share of the answers that were ready in time.
    public let inTime: Double
    /// Mean number of stages run, and that of an oracle which knows that every stage takes its median time on the quiet machine.
    public let meanStages: Double
    public let oracleStages: Int
}

/// Answers under deadlines, first on the machine as it is, then with as many busy threads beside it as there are processors.
struct DeadlineBenchmark {
    /// Above the time of the exit.
    private static let margin = 1.2
    private let model: CompiledModel
    private let input: Input
    private let answers: Int

    /// - Parameter answers: under each deadline.
    init(_ subject: BenchmarkSubject, _ model: CompiledModel, answers: Int) {
        self.model = model
        input = .values(subject.inputs(1)[0])
        self.answers = answers
    }

    func measure(threads: Int, processors: Int) throws -> [DeadlineResult] {
        let context = try InferenceContext(model, threads: threads)
        try context.measureStages(runs: 32)
        let ends = try timesToExits(context)
        return try measure(context, ends, busyThreads: 0) + beside(processors) { try measure(context, ends, busyThreads: processors) }
    }

    /// Median seconds to each exit.
    private func timesToExits(_ context: InferenceContext) throws -> [Double] {
        var samples = [Samples](repeating: Samples(), count: model.stageCount)
        for _ in 0..<200 {
            let start = MonotonicTime.seconds
            for (stage, _) in try context.anytime(input).enumerated() { samples[stage].append(MonotonicTime.seconds - start) }
        }
        return samples.map(\.median)
    }

    private func measure(_ context: InferenceContext, _ ends: [Double], busyThreads: Int) throws -> [DeadlineResult] {
        let policy = try CheckedPolicy(.last(of: model), for: model)
        // Predictions follow the machine as it is.
        try context.measureStages(runs: 128)
        return try ends.indices.map { stage in
            let deadline = DeadlineBenchmark.margin * ends[stage]
            var inTime = 0
            var stages = 0
            for _ in 0..<answers {
                let timed = try context.classify(input, policy: policy, deadline: .now + .nanoseconds(Int64(1e9 * deadline)))
                if !timed.isLate { inTime += 1 }
                stages += timed.answer.stages
            }
            return DeadlineResult(
                busyThreads: busyThreads, exit: model.exits[stage], deadlineSeconds: deadline, answers: answers,
                inTime: Double(inTime) / Double(answers), meanStages: Double(stages) / Double(answers),
                oracleStages: ends.count { $0 <= deadline })
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
