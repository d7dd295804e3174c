import MExitIR
import Testing
import _MExitTestSupport

@testable import MExitRuntime

/// Uses of a context, and numbers in a network, that nobody means.
@Suite struct ContextTests {
    private func message(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return ""
    }

    @Test func aSlotRunsAStageOnce() throws {
        let model = try Networks.tiny()
        let context = try InferenceContext(try CompiledModel(model), slots: 3)
        let slots = (0..<3).compactMap { _ in context.takeSlot() }
        for slot in slots { try context.load(.values(Networks.input(model, seed: 1)), into: slot) }
        #expect(message { try context.runStage(0, slots: [slots[0], slots[1], slots[0]]) }.contains("name it once"))
        // Nothing was run, so all three still can.
        #expect(context.work.operations == 0)
        try context.runStage(0, slots: slots)
        try context.runStage(1, slots: [])
        #expect(slots.allSatisfy { context.nextStage(of: $0) == 1 })
    }

    @Test func anytimeGivesItsSlotBackBehindTheLastAnswer() throws {
        let model = try Networks.tiny()
        let context = try InferenceContext(try CompiledModel(model))
        let answers = try context.anytime(.values(Networks.input(model, seed: 1)))
        #expect(message { _ = try context.anytime(.values(Networks.input(model, seed: 1))) }.contains("slots are in use"))
        #expect(answers.map(\.exit) == [0, 1, 2, 3, 4])
        #expect(context.freeSlots == 1 && answers.next() == nil)
        for _ in try context.anytime(.values(Networks.input(model, seed: 1))) { break }
        #expect(context.freeSlots == 1)
    }

    @Test func aPolicyBelongsToItsModel() throws {
        let model = try Networks.tiny()
        let small = try CompiledModel(model, options: CompileOptions(exits: [0, 4]))
        let policy = try CheckedPolicy(.confidence(0.5, for: small), for: small)
        let context = try InferenceContext(try CompiledModel(model))
        #expect(message { _ = try context.classify(.values(Networks.input(model, seed: 1)), policy: policy) }.contains("checked for a model of 2 exits"))
        #expect(context.freeSlots == 1)
    }

    /// A network that overflows is never sure, and says so.
    @Test func overflowIsNotConfidence() throws {
        let model = try Networks.tiny()
        let context = try InferenceContext(try CompiledModel(model))
        let huge = Input.values(Array(repeating: Float.greatestFiniteMagnitude, count: model.graph.inputShape.count))
        let answer = try context.classify(huge, policy: .confidence(0.1, for: context.model))
        #expect(answer.logits.contains { !$0.isFinite })
        #expect(answer.exit == 4 && answer.confidence == 0)
        #expect(answer.top(2).map(\.probability) == [0, 0])
        #expect(softmax([0, .infinity]) == [0, 0] && softmax([.nan, 1]) == [0, 0])
    }

    @Test(arguments: ConfidenceMeasure.allCases)
    func certaintyIsBetweenZeroAndOne(measure: ConfidenceMeasure) {
        let cases: [[Float]] = [[1], [0, 0, 0], [1e30, -1e30, 0], [3, 3], [-.greatestFiniteMagnitude, .greatestFiniteMagnitude]]
        for logits in cases {
            for temperature in [1e-300, 1, 1e300] {
                let verdict = logits.withUnsafeBufferPointer { measure.verdict($0, temperature: temperature) }
                #expect((0...1).contains(verdict.certainty) && verdict.probability > 0, "\(logits) at \(temperature): \(verdict)")
            }
        }
        let nan = [Float.nan, 1, 2].withUnsafeBufferPointer { measure.verdict($0, temperature: 1) }
        #expect(nan.label == 2 && nan.certainty == 0 && nan.probability == 0)
    }

    @Test func twoCallersAtOnceEndTheProcess() async {
        await #expect(processExitsWith: .failure) {
            let context = try InferenceContext(try CompiledModel(try Networks.tiny()))
            let slot = context.takeSlot() ?? 0
            context.enter()
            try context.load(.values(Array(repeating: 0, count: context.model.inputShape.count)), into: slot)
        }
    }
}

@Suite struct LargeGraphTests {
    /// Planning a long chain takes time in proportion, not to the square of its length.
    @Test func longChainsCompile() throws {
        var b = GraphBuilder(input: .vector(4))
        var x = 0
        for index in 1..<20_000 { x = b.append(.activation(index % 2 == 0 ? .tanh : .relu), [x], name: "n\(index)") }
        b.exit(x, name: "end")
        let compiled = try CompiledModel(try randomModel(try b.build(), seed: 1))
        #expect(compiled.slotFloats < 1000)
    }

    /// Numbers that fit a graph and no machine.
    @Test func hugeMemoryIsRefused() throws {
        var b = GraphBuilder(input: .map(channels: Shape.maximumCount, height: 1, width: 1))
        let values = (0..<3000).map { b.append(.activation(.relu), [0], name: "n\($0)") }
        let sum = b.append(.add, values, name: "sum")
        // Its padding blows up the planes of all 1x1 maps.
        let conv = b.append(.conv2d(Conv2D(outChannels: 1, kernel: 1, stride: 1024, padding: 1024)), [sum], name: "conv")
        b.exit(b.append(.flatten, [conv], name: "flat"), name: "end")
        let graph = try b.build()
        #expect(throws: RuntimeError.self) { try MemoryPlanProbe.compile(graph) }
        #expect(throws: GraphError.self) { try Shape(dimensions: [Int(Int32.max) + 1]) }
    }
}

/// Plans memory for a graph without its numbers, which would fill this machine's.
enum MemoryPlanProbe {
    static func compile(_ graph: Graph) throws {
        let stages = try graph.stages()
        let operations = Fusion(graph: graph, stages: stages, foldsBatchNorm: true).operations(of: stages)
        _ = try MemoryPlan(graph: graph, operations: operations, logits: stages.map { graph.exits[$0.exit].logits })
    }
}
