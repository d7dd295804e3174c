extension InferenceContext {
    /// One answer per exit, each computed when it is asked for: stop asking, and nothing more is run; ask again later, and it
    /// goes on. Several sequences of one context may be under way at once, one slot each.
    ///
    /// The sequence holds its slot until it has given its last answer or is let go. It belongs to the context's caller.
    ///
    /// - Parameters:
    ///   - deadline: no stage but the first is started that is not likely to end by then (``InferenceContext/classify(_:policy:deadline:)``);
    ///     nil for none.
    ///   - combination: which exits each answer rests on.
    /// - Throws: ``RuntimeError`` for an input that does not fit, or when no slot is free.
    public func anytime(
        _ input: Input, deadline: MonotonicInstant? = nil, combination: ExitCombination = .newest
    ) throws -> AnytimeSequence {
        guard let slot = takeSlot() else {
            throw RuntimeError(.badUse, "all \(slotCount) slots are in use; release one, or make the context with more")
        }
        do {
            try load(input, into: slot)
            var policy = ExitPolicy.last(of: model)
            policy.combination = combination
            return AnytimeSequence(context: self, slot: slot, policy: try CheckedPolicy(policy, for: model), deadline: deadline)
        } catch {
            release(slot)
            throw error
        }
    }
}

/// The answers of one sample, exit by exit.
public final class AnytimeSequence: Sequence, IteratorProtocol {
    private let context: InferenceContext
    /// Nil behind the last answer.
    private var slot: Int?
    private let policy: CheckedPolicy
    private let deadline: MonotonicInstant?

    init(context: InferenceContext, slot: Int, policy: CheckedPolicy, deadline: MonotonicInstant?) {
        self.context = context
        self.slot = slot
        self.policy = policy
        self.deadline = deadline
    }

    deinit { release() }

    private func release() {
        if let slot { context.release(slot) }
        slot = nil
    }

    /// Runs the next stage and gives its exit's answer; nil behind the last exit, or when the next stage would not end by the
    /// deadline. May be called again at any later time.
    ///
    /// Where the model is still loading, waits for the stage's weights; nil when they cannot be read, which ``step()`` reports.
    public func next() -> Answer? { (try? step()) ?? nil }

    /// As ``next()``, with the reason when a stage cannot run.
    ///
    /// - Returns: the answer of the exit that ends the stage; nil behind the last exit, or when the next stage would not end by the
    ///   deadline.
    /// - Throws: what reading the stage's weights met; ``RuntimeError`` when the slot was given back by somebody else.
    /// - Complexity: that of the stage.
    public func step() throws -> Answer? {
        guard let slot else { return nil }
        let stage = context.nextStage(of: slot)
        if let deadline {
            if stage == 0 { context.riskAllowance.begin() } else if !context.mayStart(stage, by: deadline) { return nil }
        }
        do {
            let (verdict, isLast) = try context.advance(slot, policy)
            let answer = try context.answer(of: slot, verdict)
            if isLast { release() }
            return answer
        } catch {
            release()
            throw error
        }
    }
}
