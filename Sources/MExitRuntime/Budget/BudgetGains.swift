/// What one more stage is expected to bring a sample: what exact budgets rank by.
///
/// A calibrated model knows from which mean cost on samples of a certainty should go on (``ExpectedGains``): who should from the lowest comes
/// first. Where its tables do not say that, or only some of its exits were compiled, the accuracy per multiply-add counts that they expect. Without
/// tables it is (1 - confidence) / MACs of the next stage: whoever is least sure has most to gain, and cheap stages come first. That says
/// nothing of whether the next exit does better, so it is a rank, not a forecast.
package struct BudgetGains: Sendable {
    /// How a sample's certainty is measured; it never leaves by it.
    package let policy: CheckedPolicy
    /// Whether candidates say from which mean cost on they go on, so that batches can aim at one.
    package let hasLevels: Bool
    private let expected: ExpectedGains?
    private let stageMACs: [Double]
    private let wholeMACs: Double

    /// - Throws: ``RuntimeError`` when the model's tables use a measure that this build does not know.
    package init(_ model: CompiledModel) throws {
        stageMACs = model.stageCosts.map { Double(max($0.macs, 1)) }
        wholeMACs = Double(model.cumulativeCosts[model.stageCount - 1].macs)
        expected = try ExpectedGains(model)
        hasLevels = expected?.hasLevels ?? false
        policy = try expected?.policy ?? CheckedPolicy(.last(of: model), for: model)
    }

    /// The candidate that a sample makes; nil behind the last stage.
    ///
    /// - Parameter verdict: of the newest exit, that of stage `nextStage` - 1.
    package func candidate(index: Int, nextStage: Int, _ verdict: Verdict) -> BudgetPlanner.Candidate? {
        guard stageMACs.indices.contains(nextStage) else { return nil }
        let stage = nextStage - 1
        let gain = expected?.perMAC(stage: stage, certainty: verdict.certainty) ?? (1 - verdict.probability) / stageMACs[nextStage]
        var level = gain > 0 ? 0 : Double.infinity
        if let known = expected?.goesOnFrom(stage: stage, certainty: verdict.certainty) { level = known <= wholeMACs ? known : .infinity }
        return BudgetPlanner.Candidate(index: index, stage: nextStage, goesOnFrom: level, gainPerMAC: gain, certainty: verdict.certainty)
    }
}
