/// What one more stage is expected to bring a sample: what exact budgets rank by.
///
/// Of a calibrated model, the accuracy per multiply-add that its gain tables expect (``ExpectedGains``). Without them,
/// (1 - confidence) / MACs of the next stage: whoever is least sure has most to gain, and cheap stages come first. That says
/// nothing of whether the next exit does better, so it is a rank, not a forecast.
package struct BudgetGains: Sendable {
    /// How a sample's certainty is measured; it never leaves by it.
    package let policy: CheckedPolicy
    private let expected: ExpectedGains?
    private let stageMACs: [Double]

    /// - Throws: ``RuntimeError`` when the model's tables use a measure that this build does not know.
    package init(_ model: CompiledModel) throws {
        stageMACs = model.stageCosts.map { Double(max($0.macs, 1)) }
        expected = try ExpectedGains(model)
        policy = try expected?.policy ?? CheckedPolicy(.last(of: model), for: model)
    }

    /// For a sample whose newest exit is that of `stage`, which is not the last.
    package func perMAC(stage: Int, _ verdict: Verdict) -> Double {
        expected?.perMAC(stage: stage, certainty: verdict.certainty) ?? (1 - verdict.probability) / stageMACs[stage + 1]
    }

    /// The candidate that a sample makes; nil behind the last stage.
    package func candidate(index: Int, nextStage: Int, _ verdict: Verdict) -> BudgetPlanner.Candidate? {
        guard stageMACs.indices.contains(nextStage) else { return nil }
        return BudgetPlanner.Candidate(
            index: index, stage: nextStage, gainPerMAC: perMAC(stage: nextStage - 1, verdict), certainty: verdict.certainty)
    }
}
