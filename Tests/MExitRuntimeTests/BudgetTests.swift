import MExitIR
import Testing
import _MExitTestSupport

@testable import MExitRuntime

@Suite struct BudgetPlannerTests {
    /// Pays for everything that the planner chooses and says where it went wrong; nil when all is well.
    private func violation(_ generator: inout SeededGenerator) -> String? {
        let stages = Int.random(in: 1...5, using: &generator)
        // From free stages to costs whose sums only just fit.
        let scale = [1, 10, 1000, 1 << 40].randomElement(using: &generator) ?? 1
        let macs = (0..<stages).map { _ in Int.random(in: 0...scale, using: &generator) }
        let samples = Int.random(in: 0...14, using: &generator)
        let window = Int.random(in: 1...max(samples, 1), using: &generator)
        let least = samples * macs[0]
        let whole = samples * macs.reduce(0, +)
        let total = Bool.random(using: &generator) ? Int.random(in: 0...whole + 3, using: &generator) : [least, least + 1, whole, Int.max].randomElement(using: &generator) ?? 0
        let aims = Bool.random(using: &generator)
        guard var planner = try? BudgetPlanner(budget: total, samples: samples, stageMACs: macs, aims: aims) else {
            return total < least ? nil : "\(total) is enough for \(samples) x \(macs[0]) and was refused"
        }
        if total < least { return "\(total) is below \(least) and was taken" }
        var spent = 0
        var remaining = samples
        while remaining > 0 {
            let size = min(window, remaining)
            remaining -= size
            // What a window may aim at: what is left per sample, but for the last.
            let aim = aims && remaining > 0 ? Double(total - spent) / Double(remaining + size) : .greatestFiniteMagnitude
            planner.startWindow(samples: size)
            spent += size * macs[0]
            var next = Array(repeating: 1, count: size)
            while true {
                let candidates = next.indices.filter { next[$0] < stages }.map {
                    BudgetPlanner.Candidate(
                        index: $0, stage: next[$0],
                        goesOnFrom: [0, .infinity, Double.random(in: 0...2, using: &generator) * Double(max(whole, 1)) / Double(samples)].randomElement(using: &generator) ?? 0,
                        gainPerMAC: Double.random(in: -0.2...1, using: &generator), certainty: 0.5)
                }
                if planner.share < 0 { return "a share of \(planner.share)" }
                let chosen = planner.spend(on: candidates, atMost: window)
                if chosen.isEmpty {
                    if candidates.contains(where: { $0.goesOnFrom < .infinity && $0.goesOnFrom <= aim && macs[$0.stage] <= planner.share }) { return "stopped with a stage that fits" }
                    break
                }
                if Set(chosen.map(\.index)).count != chosen.count { return "one sample twice in a round" }
                for candidate in chosen {
                    if candidate.goesOnFrom == .infinity || candidate.goesOnFrom > aim { return "spent on \(candidate.goesOnFrom) at \(aim)" }
                    spent += macs[candidate.stage]
                    next[candidate.index] += 1
                }
            }
        }
        return spent > total ? "spent \(spent) of \(total) on \(samples) samples of \(macs), window \(window)" : nil
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64]) func neverSpendsMoreThanItHas(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for index in 0..<30_000 {
            if let violation = violation(&generator) {
                Issue.record("seed \(seed), case \(index): \(violation)")
                return
            }
        }
    }

    @Test func thoseThatGainMostPerMACComeFirst() throws {
        var planner = try BudgetPlanner(budget: 40 + 100, samples: 4, stageMACs: [10, 50, 10], aims: false)
        planner.startWindow(samples: 4)
        func candidate(_ index: Int, stage: Int, _ gain: Double) -> BudgetPlanner.Candidate {
            BudgetPlanner.Candidate(index: index, stage: stage, goesOnFrom: gain > 0 ? 0 : .infinity, gainPerMAC: gain, certainty: 0.5)
        }
        let all = [candidate(0, stage: 1, 0.002), candidate(1, stage: 1, 0.016), candidate(2, stage: 2, 0.03), candidate(3, stage: 1, 0.014)]
        #expect(planner.spend(on: all, atMost: 8).map(\.index) == [2])
        #expect(planner.spend(on: all.filter { $0.index != 2 }, atMost: 8).map(\.index) == [1])
        #expect(planner.share == 40)
        #expect(planner.spend(on: [all[0], all[3]], atMost: 8).isEmpty)
        #expect(planner.spend(on: [candidate(0, stage: 2, 0), candidate(1, stage: 2, -1)], atMost: 8).isEmpty)
    }

    /// Two windows of two. The first aims at what is left per sample and may spend more than half; the last ranks what is left.
    @Test func windowsAimAtWhatIsLeftPerSample() throws {
        var planner = try BudgetPlanner(budget: 4 * 40, samples: 4, stageMACs: [10, 30, 60], aims: true)
        func candidate(_ index: Int, stage: Int, from: Double) -> BudgetPlanner.Candidate {
            BudgetPlanner.Candidate(index: index, stage: stage, goesOnFrom: from, gainPerMAC: 0, certainty: 0.5)
        }
        planner.startWindow(samples: 2)
        // 160 less the first exits of all.
        #expect(planner.share == 120)
        #expect(planner.spend(on: [candidate(0, stage: 1, from: 40), candidate(1, stage: 1, from: 15)], atMost: 8).map(\.index) == [1, 0])
        #expect(planner.spend(on: [candidate(0, stage: 2, from: 41), candidate(1, stage: 2, from: .infinity)], atMost: 8).isEmpty)
        #expect(planner.spend(on: [candidate(0, stage: 2, from: 39)], atMost: 8).map(\.index) == [0])
        planner.startWindow(samples: 2)
        #expect(planner.share == 0 && planner.waiting == 0)

        // What the first did not need is there for the last, whoever is worth it.
        planner = try BudgetPlanner(budget: 4 * 40, samples: 4, stageMACs: [10, 30, 60], aims: true)
        planner.startWindow(samples: 2)
        #expect(planner.spend(on: [candidate(0, stage: 1, from: 41), candidate(1, stage: 1, from: 50)], atMost: 8).isEmpty)
        planner.startWindow(samples: 2)
        #expect(planner.share == 120)
        #expect(planner.spend(on: [candidate(0, stage: 1, from: 70), candidate(1, stage: 1, from: 60)], atMost: 8).map(\.index) == [1])
        #expect(planner.spend(on: [candidate(0, stage: 1, from: 70), candidate(1, stage: 2, from: .infinity)], atMost: 8).map(\.index) == [0])
    }

    @Test func theLeastBudgetIsNamed() throws {
        func message(_ budget: Int, _ samples: Int, _ macs: [Int]) -> String {
            do { _ = try BudgetPlanner(budget: budget, samples: samples, stageMACs: macs, aims: true) } catch { return "\(error)" }
            return ""
        }
        #expect(message(29, 3, [10, 5]).contains("at least 30"))
        #expect(message(30, 3, [10, 5]).isEmpty)
        #expect(message(.max, 1 << 20, [1 << 50]).contains("over \(Int.max)"))
    }
}

@Suite struct BudgetTests {
    private func inputs(_ model: Model, _ count: Int) -> [Input] {
        (0..<count).map { .values(Networks.input(model, seed: 300 + UInt64($0))) }
    }

    /// Real runs: what was executed, not only what is claimed.
    @Test func realBatchesStayWithinTheirBudgets() throws {
        let tiny = try Networks.tiny()
        let model = try CompiledModel(tiny)
        let inputs = inputs(tiny, 24)
        let alone = try inputs.map { Array(try InferenceContext(model).anytime($0)) }
        let (least, whole) = (24 * model.cumulativeCosts[0].macs, 24 * model.cumulativeCosts[4].macs)
        var generator = SeededGenerator(seed: 8)
        for round in 0..<20 {
            let budget = round == 0 ? least : round == 1 ? whole : Int.random(in: least...whole + 100, using: &generator)
            let context = try InferenceContext(model, slots: [1, 7, 24, 40][round % 4], threads: 1 + round % 2)
            let batch = try context.classify(batch: inputs, budget: .macs(budget))
            #expect(batch.macs <= budget && context.work.macs == batch.macs && batch.budget.macs == budget)
            #expect(batch.macs + batch.macsSaved == whole)
            if round == 0 { #expect(batch.macs == least) }
            if round == 1 { #expect(batch.macs == whole) }
            for (answer, alone) in zip(batch.answers, alone) { #expect(answer == alone[answer.exit]) }
            #expect(context.freeSlots == context.slotCount)
        }
    }

    @Test func theLeastSureGoDeeper() throws {
        let tiny = try Networks.tiny()
        let model = try CompiledModel(tiny)
        let context = try InferenceContext(model, slots: 16)
        let inputs = inputs(tiny, 16)
        let shallow = try context.classify(batch: inputs, policy: .exit(0)).map(\.confidence)
        let budget = 16 * model.stageCosts[0].macs + model.stageCosts[1].macs
        let batch = try context.classify(batch: inputs, budget: .macs(budget))
        let deeper = batch.answers.indices.filter { batch.answers[$0].exit > 0 }
        #expect(deeper == [shallow.firstIndex(of: shallow.min() ?? 0)])
    }

    /// Samples that gain nothing stay where they are however large the budget; the others go where most is gained.
    @Test func gainTablesSayWhoGoesDeeper() throws {
        var tiny = try Networks.tiny()
        tiny.gainTables = GainTables(
            measure: "margin",
            exits: (0..<4).map { exit in
                let sure = [Double](repeating: 0.9, count: 5 - exit)
                return GainTable(edges: [0.3], accuracy: [(exit..<5).map { 0.5 + 0.1 * Double($0) }, sure], counts: [10, 10])
            })
        let model = try CompiledModel(tiny)
        let inputs = inputs(tiny, 30)
        let alone = try inputs.map { Array(try InferenceContext(model).anytime($0)) }
        let batch = try InferenceContext(model, slots: 30).classify(batch: inputs, budget: .macs(.max))
        for (answer, alone) in zip(batch.answers, alone) {
            let margins = alone.map { answer in
                let top = answer.top(2)
                return top[0].probability - top[1].probability
            }
            #expect(answer.exit == margins.firstIndex { $0 >= 0.3 } ?? 4)
            #expect(answer == alone[answer.exit])
        }
        #expect(Set(batch.answers.map(\.exit)).count > 1)
    }

    /// With levels, large batches take everybody as deep as a policy of the mean cost would; some exits alone fall back on gains.
    @Test func levelsSayWhoGoesDeeper() throws {
        var tiny = try Networks.tiny()
        let costs = try CompiledModel(tiny).cumulativeCosts.map { Double($0.macs) }
        // From the middle between their own cost and the next on; the surest never.
        tiny.gainTables = GainTables(
            measure: "margin",
            exits: (0..<4).map { exit in
                GainTable(
                    edges: [0.3], accuracy: Array(repeating: Array(repeating: 0.5, count: 5 - exit), count: 2), counts: [10, 10],
                    goesOnFrom: [(costs[exit] + costs[exit + 1]) / 2, 2 * costs[4]])
            })
        let model = try CompiledModel(tiny)
        let inputs = inputs(tiny, 40)
        let alone = try inputs.map { Array(try InferenceContext(model).anytime($0)) }
        let margins = alone.map { $0.map { $0.top(2)[0].probability - $0.top(2)[1].probability } }
        let budget = 40 * Int(costs[2])
        let batch = try InferenceContext(model, slots: 8).classify(batch: inputs, budget: .macs(budget))
        #expect(batch.macs <= budget)
        // The first window's aim lies between the levels of exits 1 and 2.
        for index in 0..<8 { #expect(batch.answers[index].exit == min(2, margins[index].firstIndex { $0 >= 0.3 } ?? 4)) }
        // Nobody goes on beyond a sure exit, however much is left.
        for index in 0..<40 { #expect(batch.answers[index].exit <= margins[index].firstIndex { $0 >= 0.3 } ?? 4) }
        #expect(Set(batch.answers.map(\.exit)).count > 1)

        let some = try CompiledModel(tiny, options: CompileOptions(exits: [0, 4]))
        #expect(try BudgetGains(model).hasLevels && !BudgetGains(some).hasLevels)
    }

    @Test func aBatchMayComeInParts() throws {
        let tiny = try Networks.tiny()
        let model = try CompiledModel(tiny)
        let inputs = inputs(tiny, 9)
        let context = try InferenceContext(model, slots: 3)
        let budget = 9 * model.cumulativeCosts[0].macs + 3 * model.stageCosts[1].macs
        let whole = try context.classify(batch: inputs, budget: .macs(budget))
        var spending = try ExactBudget(.macs(budget), samples: 9, of: model)
        var answers: [Answer] = []
        for part in [0..<3, 3..<9] {
            try context.classify(count: part.count, within: &spending) { index, slot in
                try context.load(inputs[part.lowerBound + index], into: slot)
            } answer: { _, answer in
                answers.append(answer)
            }
        }
        #expect(answers == whole.answers)
        #expect(throws: RuntimeError.self) { try context.classify(count: 1, within: &spending, load: { _, _ in }, answer: { _, _ in }) }
    }

    @Test func thresholdModeTakesTheDearestPolicyThatFits() throws {
        let tiny = try Networks.tiny()
        let points = [("cheap", 7e6, 0.0), ("dear", 12e6, 2.0), ("middle", 9e6, 0.5)].map { name, macs, threshold in
            NamedPolicy(name: name, measure: "confidence", thresholds: Array(repeating: threshold, count: 4), expectedMACs: macs)
        }
        let model = try CompiledModel(try randomModel(tiny.graph, seed: 7, policies: points))
        #expect(try ExitPolicy.calibrated(forMeanMACs: 11.9e6, of: model) == .calibrated("middle", of: model))
        let context = try InferenceContext(model, slots: 4)
        let inputs = inputs(tiny, 10)
        let exits = { (budget: Int) in Set(try context.classify(batch: inputs, budget: .macs(budget), mode: .threshold(nil)).answers.map(\.exit)) }
        #expect(try exits(10 * 7_000_000) == [0])
        #expect(try exits(10 * 20_000_000) == [4])
        let named = try context.classify(batch: inputs, budget: .macs(10 * 7_000_000), mode: .threshold(.exit(3)))
        #expect(Set(named.answers.map(\.exit)) == [3] && named.macs == 10 * model.cumulativeCosts[3].macs)
    }

    @Test func badBudgetsAreRefused() throws {
        let tiny = try Networks.tiny()
        let model = try CompiledModel(tiny)
        let context = try InferenceContext(model, slots: 3)
        let inputs = inputs(tiny, 5)
        func message(_ budget: Int, _ inputs: [Input], _ mode: BudgetMode = .exact) -> String {
            do { _ = try context.classify(batch: inputs, budget: .macs(budget), mode: mode) } catch { return "\(error)" }
            return ""
        }
        let least = 5 * model.stageCosts[0].macs
        #expect(message(least - 1, inputs).contains("at least \(least)"))
        #expect(message(-1, inputs).contains("negative") && message(.min, []).contains("negative"))
        #expect(message(least - 1, inputs, .threshold(.exit(0))).contains("at least \(least)"))
        #expect(message(.max, inputs, .threshold(nil)).contains("calibrate"))
        #expect(message(.max, inputs + [.values([1])]).contains("input 5"))
        #expect(message(0, []).isEmpty && message(0, [], .threshold(nil)).isEmpty)
        #expect(context.freeSlots == 3)
        let slots = (0..<3).compactMap { _ in context.takeSlot() }
        #expect(message(.max, inputs).contains("no slot is free"))
        slots.forEach(context.release)
        #expect(try context.classify(batch: [], budget: .macs(7)).answers.isEmpty)
    }
}
