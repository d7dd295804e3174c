/// An answer that was asked for by a moment.
public struct TimedAnswer: Hashable, Sendable {
    public var answer: Answer
    /// When the answer was ready, on the context's clock.
    public var finished: MonotonicInstant
    /// It was ready behind the deadline: only the first exit's answer is given however late it is, or a stage took longer than
    /// was predicted.
    public var isLate: Bool
}

extension InferenceContext {
    /// Runs every stage some times on a black picture, so that the first deadline finds predictions, and so that memory is
    /// touched before the first input pays for it. These runs count in ``totals`` and ``work``.
    ///
    /// Without it, the first deadlines are held with what the stages before have taken, scaled by their multiply-adds.
    ///
    /// - Parameters:
    ///   - runs: of each stage. How often the system interrupts a stage takes some hundred runs to know; 16, the default, find the
    ///     stages' own times, and answers add to them.
    ///   - group: samples that run together, for servers that merge requests; at most the free slots are used.
    /// - Throws: ``RuntimeError`` when no slot is free.
    /// - Complexity: `runs` times the whole network per sample.
    public func measureStages(runs: Int = 16, group: Int = 1) throws {
        let black = Input.values(Array(repeating: 0, count: model.inputShape.count))
        for _ in 0..<max(runs, 0) {
            var taken: [Int] = []
            defer { taken.forEach(release) }
            while taken.count < max(group, 1), let slot = takeSlot() { taken.append(slot) }
            guard !taken.isEmpty else {
                throw RuntimeError(.badUse, "all \(slotCount) slots are in use; measure the stages before the first sample")
            }
            for slot in taken { try load(black, into: slot) }
            for stage in 0..<model.stageCount { try runStage(stage, slots: taken) }
        }
    }

    /// How long a stage is predicted to take for a group: the least time within which 99 of 100 runs end, by what its newest runs
    /// took and by how often the newest runs of all stages were delayed. Zero when nothing has run yet.
    ///
    /// - Parameters:
    ///   - stage: 0 ..< ``CompiledModel/stageCount``; others take no time.
    ///   - samples: that run together.
    /// - Complexity: some microseconds; deadlines ask for the risk at the time there is, which takes a tenth of one.
    public func predictedTime(ofStage stage: Int, samples: Int = 1) -> Duration {
        .nanoseconds(predictedNanoseconds(stage: stage, count: samples))
    }

    /// As ``predictedTime(ofStage:samples:)``; 0 for a stage that is not there.
    package func predictedNanoseconds(stage: Int, count: Int) -> Int64 {
        (0..<model.stageCount).contains(stage) ? times.predicted(stage: stage, count: count) : 0
    }

    /// Classifies one sample within a time. The first exit always answers. A later stage is started only while the policy is not
    /// content, the stage's weights are loaded, and it is so likely to end in time that of 100 samples whose first exit is in time
    /// 99 end in time, all their later stages taken together; a stage that more than 5 in 100 would miss is never started. The answer is that of the newest exit.
    ///
    /// How likely a stage is to be in time follows from the newest runs: see ``predictedTime(ofStage:samples:)``. A thread that
    /// the system may interrupt for other programs is late more often; ``RealtimeThread`` says what can be done about it.
    ///
    /// - Parameters:
    ///   - policy: when to leave before the deadline; `ExitPolicy.last(of:)` uses all the time there is.
    ///   - deadline: a moment on the context's clock; one that has passed gives the first exit's answer, marked late.
    /// - Returns: the answer, when it was ready, and whether that was in time.
    /// - Throws: ``RuntimeError`` for an input that does not fit, or when no slot is free.
    public func classify(_ input: Input, policy: CheckedPolicy, deadline: MonotonicInstant) throws -> TimedAnswer {
        try withSlot { slot in
            try load(input, into: slot)
            riskAllowance.begin()
            var (verdict, leaves) = try advance(slot, policy)
            while !leaves, mayStart(slots[slot].nextStage, by: deadline) {
                (verdict, leaves) = try advance(slot, policy)
            }
            let answer = try answer(of: slot, verdict)
            let finished = clock()
            return TimedAnswer(answer: answer, finished: finished, isLate: finished > deadline)
        }
    }

    /// As ``classify(_:policy:deadline:)``, by a policy that is checked first.
    public func classify(_ input: Input, policy: ExitPolicy, deadline: MonotonicInstant) throws -> TimedAnswer {
        try classify(input, policy: CheckedPolicy(policy, for: model), deadline: deadline)
    }

    /// Runs the next stage of a slot and looks at its exit.
    func advance(_ slot: Int, _ policy: CheckedPolicy) throws -> (verdict: Verdict, leaves: Bool) {
        try runStage(slots[slot].nextStage, slots: [slot])
        return try verdict(of: slot, policy)
    }

    /// Whether a stage, and the reading of its exit, is likely enough to end by a deadline; the risk is taken if so.
    func mayStart(_ stage: Int, by deadline: MonotonicInstant) -> Bool {
        guard stage < model.loadedStages else { return false }
        let reading = InferenceContext.answerNanoseconds(classes: model.classCount)
        let left = deadline.nanoseconds(after: clock().advanced(byNanoseconds: reading))
        return riskAllowance.take(times.risk(stage: stage, count: 1, within: left))
    }

    /// What a verdict and an answer take, on a slow machine: some exponentials and one copy of the logits.
    private static func answerNanoseconds(classes: Int) -> Int64 { 1_000 + 20 * Int64(classes) }
}

/// The risk of missing deadlines that later stages may take: so much for each sample. What samples leave others may use, so that
/// the risk that is allowed is spent, where it is needed, and on the whole no more than that is.
struct RiskAllowance: Sendable {
    /// Samples that may be saved up for.
    private static let saved = 16.0
    /// The most that one stage may risk.
    private static let most = 5 * StageTimes.risk
    private var left = 0.0

    /// A sample begins.
    mutating func begin() { left = min(left + StageTimes.risk, RiskAllowance.saved * StageTimes.risk) }

    /// Whether a stage with this risk may start; it counts if so.
    mutating func take(_ risk: Double) -> Bool {
        guard risk <= min(left, RiskAllowance.most) else { return false }
        left -= risk
        return true
    }
}
