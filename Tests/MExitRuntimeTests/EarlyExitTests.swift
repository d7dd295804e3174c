import MExitIR
import MExitRuntime
import Testing
import _MExitTestSupport

/// Later stages are not computed: shown by what was executed, not by what was answered.
@Suite struct EarlyExitTests {
    @Test func fixedExitExecutesItsStagesOnly() throws {
        let model = try Networks.tiny()
        let stages = try model.graph.stages()
        let costs = try model.graph.stageCosts()
        let compiled = try CompiledModel(model)
        for exit in compiled.exits {
            let context = try InferenceContext(compiled)
            let answer = try context.classify(.values(Networks.input(model, seed: 1)), policy: .exit(exit))
            #expect(context.work.operations == stages[...exit].reduce(0) { $0 + $1.nodes.count })
            #expect(context.work.macs == costs[...exit].reduce(0) { $0 + $1.macs })
            #expect(answer.macs == context.work.macs)
            #expect(answer.stages == exit + 1)
            #expect(answer.macs + answer.macsSaved == costs.reduce(0) { $0 + $1.macs })
            #expect(answer.flops + answer.flopsSaved == costs.reduce(0) { $0 + $1.flops })
        }
    }

    @Test func batchesExecuteWhatTheirAnswersSay() throws {
        let model = try Networks.tiny()
        let compiled = try CompiledModel(model)
        let inputs = (0..<40).map { Input.values(Networks.input(model, seed: $0)) }
        let context = try InferenceContext(compiled, slots: 16, threads: 2)
        let sure = try context.classify(batch: inputs, policy: .exit(0)).map(\.confidence).sorted()
        // Half of the samples pass the first threshold.
        let answers = try InferenceContext(compiled, slots: 16, threads: 2).classify(
            batch: inputs, policy: .confidence(sure[20], for: compiled))
        #expect(answers.filter { $0.exit == 0 }.count == 20)
        #expect(Set(answers.map(\.exit)).count > 1)
        let again = try InferenceContext(compiled, slots: 16, threads: 2)
        let repeated = try again.classify(batch: inputs, policy: .confidence(sure[20], for: compiled))
        #expect(repeated == answers)
        #expect(again.work.macs == answers.reduce(0) { $0 + $1.macs })
        #expect(again.work.operations == answers.reduce(0) { $0 + compiled.stageOperations[..<$1.stages].reduce(0, +) })
        #expect(again.work.samples == 40)
    }

    @Test func anytimeComputesOnlyWhatIsAsked() throws {
        let model = try Networks.tiny()
        let compiled = try CompiledModel(model)
        let context = try InferenceContext(compiled, slots: 2)
        let first = try context.anytime(.values(Networks.input(model, seed: 1)))
        let second = try context.anytime(.values(Networks.input(model, seed: 2)))
        #expect(context.work.operations == 0)
        #expect(first.next()?.exit == 0)
        #expect(second.next()?.exit == 0)
        #expect(first.next()?.exit == 1)
        #expect(context.work.macs == 2 * compiled.stageCosts[0].macs + compiled.stageCosts[1].macs)
    }

    @Test func thresholdsDecide() throws {
        let model = try Networks.tiny()
        let compiled = try CompiledModel(model)
        let context = try InferenceContext(compiled)
        for seed in 0..<10 as Range<UInt64> {
            let input = Input.values(Networks.input(model, seed: seed))
            let all = Array(try context.anytime(input))
            for target in compiled.exits {
                // Just at the confidence of the target, just above at the exits before it.
                let thresholds = all.dropLast().map { $0.exit < target ? $0.confidence.nextUp : $0.confidence }
                #expect(try context.classify(input, policy: .confidence(thresholds)) == all[target])
            }
            for measure in ConfidenceMeasure.allCases {
                let never = ExitPolicy(.threshold(measure, Array(repeating: 1.5, count: 4)))
                let always = ExitPolicy(.threshold(measure, Array(repeating: 0, count: 4)))
                #expect(try context.classify(input, policy: never).exit == 4)
                #expect(try context.classify(input, policy: always).exit == 0)
            }
            var streak = 0
            var expected = 4
            for index in 1..<5 {
                streak = all[index].label == all[index - 1].label ? streak + 1 : 0
                if streak == 2 { expected = index; break }
            }
            #expect(try context.classify(input, policy: ExitPolicy(.patience(2))).exit == expected)
        }
    }

    @Test func temperaturesChangeConfidenceNotLabels() throws {
        let model = try Networks.tiny()
        let compiled = try CompiledModel(model)
        let context = try InferenceContext(compiled)
        let input = Input.values(Networks.input(model, seed: 3))
        let plain = try context.classify(input, policy: .exit(2))
        let soft = try context.classify(input, policy: ExitPolicy(.exit(2), temperatures: [1, 1, 4, 1, 1]))
        #expect(soft.label == plain.label && soft.confidence < plain.confidence)
        #expect(abs(soft.confidence - softmax(plain.logits, temperature: 4)[plain.label]) < 1e-12)
        #expect(abs(softmax(plain.logits).reduce(0, +) - 1) < 1e-12)
        #expect(plain.top(3).count == 3 && plain.top(3)[0].label == plain.label)
    }

    @Test func badInputIsRefused() throws {
        let model = try Networks.tiny()
        let compiled = try CompiledModel(model)
        let context = try InferenceContext(compiled)
        func message(_ body: () throws -> Void) -> String {
            do { try body() } catch { return "\(error)" }
            return ""
        }
        #expect(message { _ = try context.classify(.values([1, 2]), policy: .exit(0)) }.contains("2 values"))
        #expect(message { _ = try context.classify(.pixels([]), policy: .exit(0)) }.contains("0 values"))
        var bad = Networks.input(model, seed: 1)
        bad[77] = .nan
        #expect(message { _ = try context.classify(.values(bad), policy: .exit(0)) }.contains("value 77"))
        #expect(message { _ = try context.classify(.values(bad), policy: .exit(9)) }.contains("exit 9"))
        #expect(message { _ = try context.classify(.values(bad), policy: .confidence([0.5])) }.contains("1 thresholds"))
        #expect(message { _ = try context.classify(.values(bad), policy: ExitPolicy(.patience(0))) }.contains("patience"))
        #expect(message { _ = try ExitPolicy.calibrated("20M", of: compiled) }.contains("20M"))
        #expect(message { try context.runStage(0, slots: [0]) }.contains("not due"))
        #expect(message { try context.withLogits(of: 0) { _ in } }.contains("no logits"))
        #expect(message { _ = try CompiledModel(model, options: CompileOptions(exits: [3, 1])) }.contains("ascending"))
        #expect(message { _ = try context.classify(batch: [.values(Networks.input(model, seed: 1)), .values(bad)], policy: .exit(0)) }.contains("input 1"))
        // After all that, every slot is free again and works.
        #expect(context.freeSlots == 1)
        #expect(try context.classify(batch: [], policy: .exit(0)).isEmpty)
        #expect(try context.classify(.values(Networks.input(model, seed: 1)), policy: .exit(0)).exit == 0)
    }
}

@Suite struct PolicyTextTests {
    @Test func formsAreRead() throws {
        let model = try CompiledModel(try Networks.tiny())
        #expect(try ExitPolicy(text: "last", for: model) == .exit(4))
        #expect(try ExitPolicy(text: "exit:2", for: model) == .exit(2))
        #expect(try ExitPolicy(text: "confidence:0.9", for: model) == .confidence([0.9, 0.9, 0.9, 0.9]))
        #expect(try ExitPolicy(text: "margin:0.4,0.3,0.2,0.1", for: model) == ExitPolicy(.threshold(.margin, [0.4, 0.3, 0.2, 0.1])))
        #expect(try ExitPolicy(text: "patience:2", for: model) == ExitPolicy(.patience(2)))
    }

    @Test(arguments: ["", "first", "exit:", "exit:7", "exit:x", "confidence:", "confidence:a", "confidence:0.1,0.2", "confidence:nan", "patience:0", "calibrated:x", "last:1"])
    func othersAreRefused(text: String) throws {
        let model = try CompiledModel(try Networks.tiny())
        #expect(throws: RuntimeError.self) { _ = try ExitPolicy(text: text, for: model) }
    }
}
