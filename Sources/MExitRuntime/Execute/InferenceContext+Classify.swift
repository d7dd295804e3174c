extension InferenceContext {
    /// Classifies one sample: stages run until the policy is content, later ones are not computed.
    ///
    /// - Returns: the answer of the exit it left at.
    /// - Throws: ``RuntimeError`` for an input that does not fit, or when no slot is free.
    /// - Complexity: that of the stages that it runs.
    public func classify(_ input: Input, policy: CheckedPolicy) throws -> Answer {
        try withSlot { slot in
            try load(input, into: slot)
            while true {
                let (verdict, leaves) = try advance(slot, policy)
                if leaves { return try answer(of: slot, verdict) }
            }
        }
    }

    /// Classifies one sample by a policy that is checked first.
    ///
    /// - Throws: as the other, and ``RuntimeError`` for a policy that does not fit the model.
    public func classify(_ input: Input, policy: ExitPolicy) throws -> Answer {
        try classify(input, policy: CheckedPolicy(policy, for: model))
    }

    /// Classifies many samples, ``groupSize`` of them at a time, or as many as there are free slots. Those that leave after a stage
    /// take no part in later ones; the others go on where they are.
    ///
    /// - Returns: one answer per input, in their order; none for an empty batch.
    /// - Throws: ``RuntimeError`` naming the input that does not fit, or how the policy misfits the model; no answers then.
    /// - Complexity: each sample costs the stages that it runs.
    public func classify(batch inputs: [Input], policy: ExitPolicy) throws -> [Answer] {
        var answers = [Answer?](repeating: nil, count: inputs.count)
        try classify(count: inputs.count, policy: CheckedPolicy(policy, for: model)) { index, slot in
            try load(inputs[index], into: slot)
        } answer: { index, answer in
            answers[index] = answer
        }
        return answers.compactMap { $0 }
    }

    /// Classifies a stream of `count` samples in constant memory, in groups as above.
    ///
    /// - Parameters:
    ///   - count: of the samples, 0 or more.
    ///   - load: puts sample `index` into a slot, by one of the `load` functions.
    ///   - answer: takes the answer of sample `index`; samples that leave early come first.
    /// - Throws: what `load` throws, with the sample's index before a ``RuntimeError``'s message; ``RuntimeError`` when no slot is
    ///   free; what `answer` throws.
    /// - Complexity: each sample costs the stages that it runs.
    public func classify(
        count: Int, policy: CheckedPolicy, load: (_ index: Int, _ slot: Int) throws -> Void,
        answer: (_ index: Int, _ answer: Answer) throws -> Void
    ) throws {
        var next = 0
        var taken: [(slot: Int, index: Int)] = []
        defer { taken.forEach { release($0.slot) } }
        while next < count {
            while next < count, taken.count < groupSize, let slot = takeSlot() {
                taken.append((slot, next))
                try naming(next) { try load($0, slot) }
                next += 1
            }
            guard !taken.isEmpty else {
                throw RuntimeError(.badUse, "no slot is free; release one, or make the context with more")
            }
            for stage in 0..<model.stageCount where !taken.isEmpty {
                try runStage(stage, slots: taken.map(\.slot))
                var staying: [(slot: Int, index: Int)] = []
                for (position, member) in taken.enumerated() {
                    let (verdict, leaves) = try verdict(of: member.slot, policy)
                    guard leaves else {
                        staying.append(member)
                        continue
                    }
                    do {
                        try answer(member.index, self.answer(of: member.slot, verdict))
                    } catch {
                        taken = staying + taken[position...]
                        throw error
                    }
                    release(member.slot)
                }
                taken = staying
            }
        }
    }

    func withSlot<Result>(_ body: (Int) throws -> Result) throws -> Result {
        guard let slot = takeSlot() else {
            throw RuntimeError(.badUse, "all \(slotCount) slots are in use; release one, or make the context with more")
        }
        defer { release(slot) }
        return try body(slot)
    }
}
