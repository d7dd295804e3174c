extension InferenceContext {
    /// Classifies a batch within a budget of multiply-adds.
    ///
    /// In exact mode every sample takes stage 0. Then, in rounds, the samples that are expected to gain most per multiply-add take
    /// one more stage, a sixteenth of them at most per round so that ranks follow what the deeper exits say, until nobody's next
    /// stage fits. What is expected comes from the model's gain tables (calibration); without them it is
    /// (1 - confidence) / MACs of the next stage. A batch with more samples than there are free slots runs in windows of that
    /// size. With gain tables that say from which mean cost on samples should go on, a window costs what its samples need at
    /// the mean cost that is left per sample; without, each has its proportional share of what is left. The result depends on
    /// nothing but the samples, their order, the budget and the window.
    ///
    /// - Parameters:
    ///   - budget: for all inputs together.
    ///   - mode: never above the budget, or near it on average.
    /// - Returns: one answer per input, in their order; none for an empty batch.
    /// - Throws: ``RuntimeError``: for a budget that does not pay the first exit for all (it names the least that does), in
    ///   threshold mode when no calibrated policy fits, and as ``classify(batch:policy:)``.
    /// - Complexity: at most the budget, and O(N log N) per round in exact mode.
    public func classify(batch inputs: [Input], budget: Budget, mode: BudgetMode = .exact) throws -> BatchAnswer {
        var answers = [Answer?](repeating: nil, count: inputs.count)
        try classify(count: inputs.count, budget: budget, mode: mode) { index, slot in
            try load(inputs[index], into: slot)
        } answer: { index, answer in
            answers[index] = answer
        }
        return BatchAnswer(answers: answers.compactMap { $0 }, budget: budget)
    }

    /// As ``classify(batch:budget:mode:)``, for a stream of `count` samples in constant memory.
    ///
    /// - Parameters:
    ///   - count: of the samples, 0 or more.
    ///   - load: puts sample `index` into a slot, by one of the `load` functions.
    ///   - answer: takes the answer of sample `index`; they come in no fixed order.
    /// - Throws: as ``classify(batch:budget:mode:)``; what `load` and `answer` throw.
    public func classify(
        count: Int, budget: Budget, mode: BudgetMode = .exact, load: (_ index: Int, _ slot: Int) throws -> Void,
        answer: (_ index: Int, _ answer: Answer) throws -> Void
    ) throws {
        guard count >= 0, budget.macs >= 0 else {
            throw RuntimeError(.badBudget, "\(count) samples with a budget of \(budget.macs) MACs; neither can be negative")
        }
        // A budget below the first exit for all is an error in both modes, and for a batch of none there is nothing to spend.
        switch mode {
        case .threshold(let policy):
            _ = try BudgetPlanner(budget: budget.macs, samples: count, stageMACs: model.stageCosts.map(\.macs), aims: false)
            if count == 0 { return }
            let policy = try policy ?? .calibrated(forMeanMACs: Double(budget.macs) / Double(count), of: model)
            try classify(count: count, policy: CheckedPolicy(policy, for: model), load: load, answer: answer)
        case .exact:
            var exact = try ExactBudget(budget, samples: count, of: model)
            try classify(count: count, within: &exact, load: load, answer: answer)
        }
    }

    /// The next `count` samples of a batch that comes in parts, in exact mode.
    ///
    /// - Parameters:
    ///   - budget: made for the whole batch; what is left of it goes to the parts after this one.
    ///   - load, answer: as in ``classify(count:budget:mode:load:answer:)``, by the index in this part.
    /// - Throws: ``RuntimeError`` when the batch does not have so many samples left; as ``classify(count:budget:mode:load:answer:)``.
    package func classify(
        count: Int, within budget: inout ExactBudget, load: (_ index: Int, _ slot: Int) throws -> Void,
        answer: (_ index: Int, _ answer: Answer) throws -> Void
    ) throws {
        guard count <= budget.planner.waiting else {
            throw RuntimeError(.badUse, "\(count) samples for a budget that has \(budget.planner.waiting) left; make it for as many as come")
        }
        var next = 0
        while next < count {
            next = try runWindow(from: next, to: count, budget.gains, &budget.planner, load, answer)
        }
    }

    /// Takes as many samples as there are slots as deep as their share of the budget allows; returns the first that waits.
    private func runWindow(
        from first: Int, to count: Int, _ gains: BudgetGains, _ planner: inout BudgetPlanner,
        _ load: (_ index: Int, _ slot: Int) throws -> Void, _ answer: (_ index: Int, _ answer: Answer) throws -> Void
    ) throws -> Int {
        var members: [(slot: Int, verdict: Verdict)] = []
        var taken: [Int] = []
        defer { taken.forEach(release) }
        while first + taken.count < count, let slot = takeSlot() {
            taken.append(slot)
            try naming(first + taken.count - 1) { try load($0, slot) }
        }
        guard !taken.isEmpty else {
            throw RuntimeError(.badUse, "no slot is free; release one, or make the context with more")
        }
        planner.startWindow(samples: taken.count)
        try runStage(0, slots: taken)
        for slot in taken { members.append((slot, try verdict(of: slot, gains.policy).verdict)) }
        while true {
            let candidates = members.indices.compactMap {
                gains.candidate(index: $0, nextStage: slots[members[$0].slot].nextStage, members[$0].verdict)
            }
            let chosen = planner.spend(on: candidates, atMost: candidates.count)
            if chosen.isEmpty { break }
            for stage in Set(chosen.map(\.stage)).sorted() {
                let group = chosen.filter { $0.stage == stage }.map(\.index).sorted()
                try runStage(stage, slots: group.map { members[$0].slot })
                for index in group { members[index].verdict = try verdict(of: members[index].slot, gains.policy).verdict }
            }
        }
        for (position, member) in members.enumerated() {
            try answer(first + position, self.answer(of: member.slot, member.verdict))
        }
        return first + members.count
    }

    /// Puts a sample's index before what loading it throws.
    func naming(_ index: Int, _ body: (Int) throws -> Void) throws {
        do {
            try body(index)
        } catch let error as RuntimeError {
            throw RuntimeError(error.code, "input \(index): \(error.message)")
        }
    }
}
