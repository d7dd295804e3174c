import MExitIR
import MExitRuntime
import Testing
import _MExitTestSupport

/// Compiled networks against the reference, on graphs that nobody would draw.
@Suite struct RandomGraphTests {
    @Test(arguments: [0, 100, 200, 300] as [UInt64])
    func equalTheReference(from first: UInt64) throws {
        for seed in first..<first + 100 {
            do {
                try compare(seed: seed)
            } catch {
                Issue.record("randomGraph(seed: \(seed)): \(error)")
            }
        }
    }

    /// Every kept exit, on all samples, one context after another use of its slots; and what was executed is what was priced.
    private func compare(seed: UInt64) throws {
        let model = try randomModel(try randomGraph(seed: seed), seed: seed)
        var generator = SeededGenerator(seed: ~seed)
        let kept = model.graph.exits.indices.filter { _ in Bool.random(using: &generator) }
        let options = CompileOptions(exits: kept.isEmpty ? nil : kept, foldsBatchNorm: Bool.random(using: &generator))
        let compiled = try CompiledModel(model, options: options)
        let inputs = (0..<Int.random(in: 1...11, using: &generator)).map { _ in generator.floats(model.graph.inputShape.count, -2...2) }
        let truths = inputs.map { ReferenceNetwork(model).values(for: $0) }
        let context = try InferenceContext(
            compiled, slots: Int.random(in: 1...12, using: &generator), threads: Int.random(in: 1...3, using: &generator))
        for (stage, exit) in compiled.exits.enumerated() {
            let before = context.work
            let answers = try context.classify(batch: inputs.map { .values($0) }, policy: .exit(exit))
            for (answer, truth) in zip(answers, truths) {
                // Values of float rounding grow with the largest number on the way; a misplaced value is wrong by far more.
                let scale = truth.joined().reduce(1) { max($0, abs($1)) }
                let expected = truth[model.graph.exits[exit].logits]
                try assertClose(answer.logits, expected, within: expected.map { _ in 2e-5 * scale }, "exit \(exit)")
            }
            #expect(context.work.macs - before.macs == inputs.count * compiled.cumulativeCosts[stage].macs)
            #expect(context.work.operations - before.operations == inputs.count * compiled.stageOperations[...stage].reduce(0, +))
        }
        let alone = try InferenceContext(compiled)
        let last = try context.classify(batch: inputs.map { .values($0) }, policy: .last(of: compiled))
        for (input, answer) in zip(inputs, last) {
            try assertSameBits(answer.logits, Array(try alone.anytime(.values(input))).last?.logits ?? [], "alone")
        }
    }
}
