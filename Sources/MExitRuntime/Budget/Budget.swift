/// What a whole batch may cost.
public struct Budget: Hashable, Sendable {
    /// Multiply-adds of all samples together.
    public var macs: Int

    /// Multiply-adds.
    ///
    /// - Parameter count: of all samples together.
    public static func macs(_ count: Int) -> Budget { Budget(macs: count) }
}

/// How a budget is kept.
public enum BudgetMode: Hashable, Sendable {
    /// Never spends more than the budget: every sample takes the first exit, then those go deeper that are expected to gain most
    /// per multiply-add (``InferenceContext/classify(batch:budget:mode:)`` says how).
    case exact
    /// Each sample leaves by a policy, so that the mean cost is near a share of the budget: samples stream, and none waits for
    /// another. With nil, by the dearest of the model's calibrated policies that is expected to cost no more than the share.
    /// What a batch really costs may be above the budget.
    case threshold(ExitPolicy?)
}

/// The answers of a batch, and what they cost together.
public struct BatchAnswer: Hashable, Sendable {
    /// One per input, in their order.
    public var answers: [Answer]
    /// What was allowed.
    public var budget: Budget
    /// Sums over the answers.
    public var macs: Int { answers.reduce(0) { $0 + $1.macs } }
    public var macsSaved: Int { answers.reduce(0) { $0 + $1.macsSaved } }
    public var flops: Int { answers.reduce(0) { $0 + $1.flops } }
    public var flopsSaved: Int { answers.reduce(0) { $0 + $1.flopsSaved } }
}

extension ExitPolicy {
    /// The dearest of the model's calibrated policies that is expected to cost no more than some multiply-adds per sample.
    ///
    /// - Parameter macs: mean per sample.
    /// - Throws: ``RuntimeError`` when there is none: it names the cheapest there is.
    /// - Complexity: O(points log points).
    public static func calibrated(forMeanMACs macs: Double, of model: CompiledModel) throws -> ExitPolicy {
        let known = model.policies.filter { $0.expectedMACs > 0 }.sorted { $0.expectedMACs < $1.expectedMACs }
        guard let cheapest = known.first else {
            throw RuntimeError(.badPolicy, "the model has no calibrated policies that say what they cost; calibrate it, name a policy, or use exact mode")
        }
        guard let best = known.last(where: { $0.expectedMACs <= macs }) else {
            throw RuntimeError(
                .badBudget, "the budget is \(macs) MACs a sample; the cheapest calibrated policy, '\(cheapest.name)', is expected to cost \(cheapest.expectedMACs)")
        }
        return try .calibrated(best.name, of: model)
    }
}
