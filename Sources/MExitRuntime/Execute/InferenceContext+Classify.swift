extension InferenceContext {
    /// Classifies one sample: stages run until the policy is content, later ones are not computed.
    ///
    /// - Throws: ``RuntimeError`` for an input that does not fit, or when no slot is free.
    public func classify(_ input: Input, policy: CheckedPolicy) throws -> Answer {
        try withSlot { slot in
            try load(input, into: slot)
            while true {
                try runStage(slots[slot].nextStage, slots: [slot])
                let (verdict, leaves) = try verdict(of: slot, policy)
                if leaves { return try answer(of: slot, verdict) }
            }
        }
    }

    /// Classifies one sample by a policy that is checked first.
    public func classify(_ input: Input, policy: ExitPolicy) throws -> Answer {
        try classify(input, policy: CheckedPolicy(policy, for: model))
    }

    /// Classifies many samples, as many at once as there are free slots. After each stage those that leave make room; the
    /// others go on where they are.
    ///
    /// - Returns: one answer per input, in their order.
    /// - Throws: ``RuntimeError`` naming the input that does not fit; no answers then.
    public func classify(batch inputs: [Input], policy: ExitPolicy) throws -> [Answer] {
        var answers = [Answer?](repeating: nil, count: inputs.count)
        try classify(count: inputs.count, policy: CheckedPolicy(policy, for: model)) { index, slot in
            try load(inputs[index], into: slot)
        } answer: { index, answer in
            answers[index] = answer
        }
        return answers.compactMap { $0 }
    }

    /// Classifies a stream of `count` samples in constant memory.
    ///
    /// - Parameters:
    ///   - load: puts sample `index` into a slot, by one of the `load` functions.
    ///   - answer: takes the answer of sample `index`; samples that leave early come first.
    /// - Throws: what `load` throws, with the sample's index before a ``RuntimeError``'s message; ``RuntimeError`` when no slot is
    ///   free. Complexity: each sample costs the stages that it runs.
    public func classify(
        count: Int, policy: CheckedPolicy, load: (_ index: Int, _ slot: Int) throws -> Void,
        answer: (_ index: Int, _ answer: Answer) throws -> Void
    ) throws {
        var next = 0
        var taken: [(slot: Int, index: Int)] = []
        defer { taken.forEach { release($0.slot) } }
        while next < count {
            while next < count, let slot = takeSlot() {
                taken.append((slot, next))
                do {
                    try load(next, slot)
                } catch let error as RuntimeError {
                    throw RuntimeError(error.code, "input \(next): \(error.message)")
                }
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

    /// One answer per exit, each computed when it is asked for: stop asking, and nothing more is run.
    ///
    /// The sequence holds a slot until it has given its last answer or is let go.
    public func anytime(_ input: Input) throws -> AnytimeSequence {
        guard let slot = takeSlot() else {
            throw RuntimeError(.badUse, "all \(slotCount) slots are in use; release one, or make the context with more")
        }
        do {
            try load(input, into: slot)
            return AnytimeSequence(context: self, slot: slot, policy: try CheckedPolicy(.last(of: model), for: model))
        } catch {
            release(slot)
            throw error
        }
    }

    private func withSlot<Result>(_ body: (Int) throws -> Result) throws -> Result {
        guard let slot = takeSlot() else {
            throw RuntimeError(.badUse, "all \(slotCount) slots are in use; release one, or make the context with more")
        }
        defer { release(slot) }
        return try body(slot)
    }
}

/// The answers of one sample, exit by exit.
public final class AnytimeSequence: Sequence, IteratorProtocol {
    private let context: InferenceContext
    /// Nil behind the last answer.
    private var slot: Int?
    private let policy: CheckedPolicy

    init(context: InferenceContext, slot: Int, policy: CheckedPolicy) {
        self.context = context
        self.slot = slot
        self.policy = policy
    }

    deinit { release() }

    private func release() {
        if let slot { context.release(slot) }
        slot = nil
    }

    /// Runs the next stage and gives its exit's answer; nil behind the last. May be called again at any later time.
    public func next() -> Answer? {
        guard let slot else { return nil }
        let stage = context.nextStage(of: slot)
        defer { if stage >= context.model.stageCount - 1 { release() } }
        // Only a slot that its caller gave back under our feet can throw here; there is no answer then.
        guard (try? context.runStage(stage, slots: [slot])) != nil, let (verdict, _) = try? context.verdict(of: slot, policy) else { return nil }
        return try? context.answer(of: slot, verdict)
    }
}
