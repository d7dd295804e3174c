import MExitCheckpoint
import MExitIR
import MExitParallel
import MExitRuntime
import Synchronization
import Testing
import _MExitTestSupport

/// One model, many threads, every mode at once: to be run under Thread Sanitizer, and true without it.
@Suite struct StressTests {
    @Test func oneModelManyThreads() throws {
        let tiny = try Networks.tiny()
        let plain = try CompiledModel(tiny)
        let inputs = (0..<8).map { Input.values(Networks.input(tiny, seed: $0)) }
        let expected = try inputs.map { Array(try InferenceContext(plain).anytime($0)).map(\.logits) }
        // The threads meet it while it loads.
        let model = try CompiledModel.loading(CheckpointReader(bytes: try Checkpoint.bytes(tiny)))
        let pool = ContextPool(model, slots: 4, threads: 2)
        let failures = Mutex<[String]>([])
        let threads = (0..<6).map { thread in
            WorkerThread {
                do {
                    for round in 0..<4 {
                        try pool.withContext { context in
                            let all = try Self.everyMode(context, inputs, round: thread + round)
                            for (index, exit, logits) in all where logits != expected[index][exit] {
                                failures.withLock { $0.append("thread \(thread), round \(round): input \(index), exit \(exit)") }
                            }
                        }
                    }
                } catch {
                    failures.withLock { $0.append("thread \(thread): \(error)") }
                }
            }
        }
        threads.forEach { $0.join() }
        #expect(failures.withLock { $0 } == [])
        var totals = 0
        var executed = 0
        pool.forEachIdle { context in
            totals += context.totals.macs
            executed += context.work.macs
        }
        #expect(totals == executed && totals > 0)
    }

    /// Logits from every way to get them: input, exit, logits.
    private static func everyMode(_ context: InferenceContext, _ inputs: [Input], round: Int) throws -> [(Int, Int, [Float])] {
        let model = context.model
        var found: [(Int, Int, [Float])] = []
        func take(_ answers: [Answer]) { for (index, answer) in answers.enumerated() { found.append((index, answer.exit, answer.logits)) } }
        take(try context.classify(batch: inputs, policy: .confidence(0.5, for: model)))
        take(try context.classify(batch: inputs, budget: .macs((8 + round) * model.cumulativeCosts[2].macs)).answers)
        let policy = ExitPolicy(.exit(round % 5), combination: .product)
        take(try context.classify(batch: inputs, policy: policy))
        let timed = try context.classify(inputs[0], policy: .last(of: model), deadline: .now + .microseconds(300 * round)).answer
        found.append((0, timed.exit, timed.logits))
        // Interleaved, one of them let go half way.
        let sequences = try inputs[..<3].map { try context.anytime($0) }
        for step in 0..<4 {
            for (index, sequence) in sequences.enumerated() where index > 0 || step < 2 {
                if let answer = try sequence.step() { found.append((index, answer.exit, answer.logits)) }
            }
        }
        return found
    }
}
