import MExitIR
import MExitRuntime
import Testing
import _MExitTestSupport

@Suite struct LogitsTests {
    /// Largest difference, relative to the largest logit of the exit.
    private func error(_ found: [Float], _ truth: [Double]) -> Double {
        let scale = truth.map(abs).max() ?? 1
        return zip(found, truth).map { abs(Double($0) - $1) }.max()! / max(scale, 1e-3)
    }

    @Test(arguments: [true, false])
    func equalTheReferenceAtEveryExit(foldsBatchNorm: Bool) throws {
        for model in [try Networks.tiny(), try Networks.mixed()] {
            let compiled = try CompiledModel(model, options: CompileOptions(foldsBatchNorm: foldsBatchNorm))
            let context = try InferenceContext(compiled)
            for seed in 1...3 as ClosedRange<UInt64> {
                let input = Networks.input(model, seed: seed)
                let truth = ReferenceNetwork(model).logits(for: input)
                let answers = Array(try context.anytime(.values(input)))
                #expect(answers.map(\.exit) == Array(truth.indices))
                for (answer, truth) in zip(answers, truth) { #expect(error(answer.logits, truth) < 1e-5) }
            }
        }
    }

    @Test func aSubsetOfExitsGivesTheSameLogits() throws {
        let model = try Networks.tiny()
        let input = Input.values(Networks.input(model, seed: 5))
        let all = Array(try InferenceContext(try CompiledModel(model)).anytime(input))
        for exits in [[4], [0], [1, 3], [0, 2, 4]] {
            let compiled = try CompiledModel(model, options: CompileOptions(exits: exits))
            let some = Array(try InferenceContext(compiled).anytime(input))
            #expect(some.map(\.exit) == exits)
            #expect(some.map(\.logits) == exits.map { all[$0].logits })
            #expect(compiled.cumulativeCosts.last!.macs == (try model.graph.stageCosts(exits: exits)).reduce(0) { $0 + $1.macs })
        }
    }

    /// Bit for bit, whatever runs beside a sample, in whichever slot, on however many threads, alone or in a batch.
    @Test func doNotDependOnCompanyOrThreads() throws {
        for model in [try Networks.tiny(), try Networks.mixed()] {
            let compiled = try CompiledModel(model)
            let inputs = (0..<21).map { Input.values(Networks.input(model, seed: 100 + $0)) }
            let alone = try inputs.map { input in Array(try InferenceContext(compiled).anytime(input)).map(\.logits) }
            for (slots, threads) in [(1, 1), (1, 3), (5, 1), (21, 2), (32, 3)] {
                let context = try InferenceContext(compiled, slots: slots, threads: threads)
                for exit in compiled.exits {
                    let answers = try context.classify(batch: inputs, policy: .exit(exit))
                    #expect(answers.map(\.logits) == alone.map { $0[exit] })
                }
            }
        }
    }

    /// Slots regroup after each stage, new samples start beside deeper ones, and a slot's memory is used again.
    @Test func slotsMixDepthsFreely() throws {
        let model = try Networks.tiny()
        let compiled = try CompiledModel(model)
        let inputs = (0..<12).map { Input.values(Networks.input(model, seed: 200 + $0)) }
        let alone = try inputs.map { Array(try InferenceContext(compiled).anytime($0)).map(\.logits) }
        let context = try InferenceContext(compiled, slots: 3, threads: 2)
        var generator = SeededGenerator(seed: 3)
        var live: [(slot: Int, input: Int)] = []
        var next = 0
        var seen = 0
        while seen < inputs.count * compiled.stageCount {
            if next < inputs.count, Bool.random(using: &generator), let slot = context.takeSlot() {
                try context.load(inputs[next], into: slot)
                live.append((slot, next))
                next += 1
            }
            guard let pick = live.randomElement(using: &generator) else { continue }
            let stage = context.nextStage(of: pick.slot)
            let group = live.filter { context.nextStage(of: $0.slot) == stage && ($0.slot == pick.slot || Bool.random(using: &generator)) }
            try context.runStage(stage, slots: group.map(\.slot))
            for member in group {
                try context.withLogits(of: member.slot) { #expect(Array($0) == alone[member.input][stage]) }
                seen += 1
            }
            live.removeAll { member in
                let done = context.nextStage(of: member.slot) == compiled.stageCount
                if done { context.release(member.slot) }
                return done
            }
        }
        #expect(context.freeSlots == 3)
    }

    @Test func pixelsAreNormalised() throws {
        let model = try Networks.tiny()
        var generator = SeededGenerator(seed: 9)
        let pixels = (0..<3 * 32 * 32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let values = pixels.indices.map { i in
            (Float(pixels[i]) / 255 - model.preprocessing.mean[i / 1024]) / model.preprocessing.std[i / 1024]
        }
        let context = try InferenceContext(try CompiledModel(model))
        let truth = ReferenceNetwork(model).logits(for: values)[0]
        #expect(error(try context.classify(.pixels(pixels), policy: .exit(0)).logits, truth) < 1e-5)
    }
}
