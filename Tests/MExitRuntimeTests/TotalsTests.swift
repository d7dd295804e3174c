import MExitIR
import MExitRuntime
import Testing
import _MExitTestSupport

/// What a context says it has done is what was executed and what its answers claim.
@Suite struct TotalsTests {
    @Test func addUpExactly() throws {
        let tiny = try Networks.tiny()
        let model = try CompiledModel(tiny)
        let context = try InferenceContext(model, slots: 5, threads: 2)
        func input(_ seed: Int) -> Input { .values(Networks.input(tiny, seed: UInt64(seed))) }
        var answers: [Answer] = []
        let sure = try InferenceContext(model).classify(batch: (0..<30).map(input), policy: .exit(0)).map(\.confidence).sorted()
        answers += try context.classify(batch: (0..<30).map(input), policy: .confidence(sure[10], for: model))
        answers.append(try context.classify(input(1), policy: .exit(2)))
        answers.append(try context.classify(input(1), policy: .last(of: model), deadline: MonotonicInstant.now + .seconds(-1)).answer)
        answers += try context.classify(
            batch: (0..<20).map(input), budget: .macs(20 * model.cumulativeCosts[1].macs)).answers
        do {
            // Stopped after two of five; never asked.
            let stopped = try context.anytime(input(2))
            _ = stopped.next()
            answers += [stopped.next()].compactMap { $0 }
            _ = try context.anytime(input(3))
        }
        // A slot that is loaded again without being given back.
        let slot = try #require(context.takeSlot())
        for exit in 0..<2 {
            try context.load(input(exit), into: slot)
            for stage in 0...exit { try context.runStage(stage, slots: [slot]) }
        }
        #expect(context.totals.samples == answers.count + 2)
        context.release(slot)

        let totals = context.totals
        #expect(totals.unanswered == 1)
        #expect(totals.samples == context.work.samples && totals.samples == answers.count + 3)
        var exits = model.exits.map { exit in answers.count { $0.exit == exit } }
        exits[0] += 1
        exits[1] += 1
        #expect(totals.exits == exits)
        #expect(Set(exits.map { $0 > 0 }) == [true] || exits.reduce(0, +) == answers.count + 2)
        #expect(totals.macs == context.work.macs)
        let last = model.stageCount - 1
        #expect(totals.macs + totals.macsSaved == totals.samples * model.cumulativeCosts[last].macs)
        #expect(totals.flops + totals.flopsSaved == totals.samples * model.cumulativeCosts[last].flops)
        #expect(totals.flops == exits.indices.reduce(0) { $0 + exits[$1] * model.cumulativeCosts[$1].flops })
        for stage in exits.indices {
            let times = totals.stages[stage]
            #expect(times.samples == exits[stage...].reduce(0, +))
            #expect(times.runs <= times.samples && (times.samples == 0) == (times.runs == 0))
            let (least, median, most) = (times.time(ofShare: 0), times.time(ofShare: 0.5), times.time(ofShare: 1))
            #expect(least <= median && median <= most)
            // Kept to two digits: the longest run is not longer than all together, but for one part in a hundred.
            #expect(times.runs == 0 || most > .zero && most <= times.time * 1.01 + .nanoseconds(128))
        }
    }

    @Test func aContextThatDidNothing() throws {
        let totals = try InferenceContext(try CompiledModel(try Networks.mixed())).totals
        #expect(totals.samples == 0 && totals.exits == [0, 0] && totals.macs == 0 && totals.macsSaved == 0)
        #expect(totals.stages[0].time(ofShare: 0.99) == .zero)
    }
}

@Suite struct ContextPoolTests {
    /// Many threads, one model, bit-equal answers; and no more contexts than threads.
    @Test func lendsContextsToThreads() async throws {
        let tiny = try Networks.tiny()
        let model = try CompiledModel(tiny)
        let pool = ContextPool(model)
        let inputs = (0..<24).map { Input.values(Networks.input(tiny, seed: $0)) }
        let expected = try InferenceContext(model).classify(batch: inputs, policy: .last(of: model))
        let answers = try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
            for (index, input) in inputs.enumerated() {
                group.addTask { (index, try pool.withContext { try $0.classify(input, policy: .last(of: model)) }) }
            }
            return try await group.reduce(into: [Int: Answer]()) { $0[$1.0] = $1.1 }
        }
        for (index, answer) in expected.enumerated() { #expect(answers[index] == answer) }
        var samples = 0
        pool.forEachIdle { samples += $0.totals.samples }
        #expect(samples == inputs.count)
        struct Refused: Error {}
        #expect(throws: Refused.self) { try pool.withContext { _ in throw Refused() } }
        pool.forEachIdle { samples -= $0.totals.samples }
        #expect(samples == 0)
    }
}
