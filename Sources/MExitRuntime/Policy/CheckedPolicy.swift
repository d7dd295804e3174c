/// A policy that was checked against a model: it can be asked without fail.
public struct CheckedPolicy: Hashable, Sendable {
    /// What was checked.
    public let policy: ExitPolicy
    /// For a fixed exit, its stage.
    let fixedStage: Int
    /// Exits of the model it was checked against.
    let stageCount: Int

    /// Checks a policy against a model.
    ///
    /// - Throws: ``RuntimeError`` when the policy does not fit the model's exits: it says how many thresholds or temperatures, or
    ///   which exits, there have to be; what a ``CustomPolicy`` throws.
    /// - Complexity: O(exits).
    public init(_ policy: ExitPolicy, for model: CompiledModel) throws {
        var fixed = model.stageCount - 1
        switch policy.rule {
        case .threshold(_, let thresholds):
            guard thresholds.count == model.stageCount - 1 else {
                throw RuntimeError(.badPolicy, "\(thresholds.count) thresholds for \(model.stageCount) exits; every exit but the last needs one, \(model.stageCount - 1) in all")
            }
            guard thresholds.allSatisfy({ !$0.isNaN }) else {
                throw RuntimeError(.badPolicy, "thresholds \(thresholds) hold a value that is not a number")
            }
        case .exit(let exit):
            guard let stage = model.exits.firstIndex(of: exit) else {
                throw RuntimeError(.badPolicy, "exit \(exit) is not there; this model has the exits \(model.exits.map(String.init).joined(separator: ", "))")
            }
            fixed = stage
        case .patience(let patience):
            guard patience >= 1 else {
                throw RuntimeError(.badPolicy, "patience is \(patience); it must be at least 1")
            }
        case .custom(let custom):
            try custom.policy.check(model)
        }
        guard policy.temperatures.isEmpty || policy.temperatures.count == model.stageCount,
            policy.temperatures.allSatisfy({ $0 > 0 && $0.isFinite })
        else {
            throw RuntimeError(.badPolicy, "temperatures \(policy.temperatures) for \(model.stageCount) exits; give one above 0 for each, or none")
        }
        self.policy = policy
        fixedStage = fixed
        stageCount = model.stageCount
    }

    /// What the exit at `stage` says, by this policy's measure, temperature and combination.
    ///
    /// - Parameter logits: of that stage and each before it.
    func verdict(stage: Int, logits: (_ stage: Int) -> UnsafeBufferPointer<Float>) -> Verdict {
        let temperature = policy.temperatures.isEmpty ? 1 : policy.temperatures[stage]
        let newest = measure.verdict(logits(stage), temperature: temperature)
        // A network that has overflowed is not sure, whatever it said before.
        guard policy.combination == .product, newest.probability > 0 else { return newest }
        let product = ExpertProduct(stages: stage + 1, exitCount: stageCount, classes: logits(stage).count, logits: logits)
        guard let label = product.likeliest else { return newest }
        let largest = product.scores[label]
        var verdict = measure.verdict(count: product.scores.count, label: label) { product.scores[$0] - largest }
        verdict.combination = .product
        return verdict
    }

    private var measure: ConfidenceMeasure {
        if case .threshold(let measure, _) = policy.rule { return measure }
        return .confidence
    }

    /// Whether a sample leaves at `stage`, which is not the last.
    ///
    /// - Parameters:
    ///   - streak: exits in a row, this one included, that confirmed the label of the exit before them.
    ///   - logits: of that stage and each before it.
    func leaves(
        _ model: CompiledModel, at stage: Int, _ verdict: Verdict, streak: Int, logits: (_ stage: Int) -> UnsafeBufferPointer<Float>
    ) -> Bool {
        switch policy.rule {
        case .threshold(_, let thresholds): return verdict.certainty >= thresholds[stage]
        case .exit: return stage >= fixedStage
        case .patience(let patience): return streak >= patience
        case .custom(let custom):
            return withoutActuallyEscaping(logits) { logits in
                custom.policy.leaves(
                    ExitView(
                        model: model, stage: stage, label: verdict.label, probability: verdict.probability, streak: streak,
                        logitsOfStage: logits))
            }
        }
    }
}
