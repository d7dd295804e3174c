import MExitIR

/// When a sample leaves the network. The last exit takes whoever comes that far: it has no threshold.
public struct ExitPolicy: Hashable, Sendable {
    public enum Rule: Hashable, Sendable {
        /// Leave at the first exit whose certainty is at least its threshold.
        case threshold(ConfidenceMeasure, [Double])
        /// Leave at this exit, an index into the model's exits.
        case exit(Int)
        /// Leave when this many exits in a row have confirmed the label of the exit before them
        /// (Zhou et al., BERT Loses Patience, NeurIPS 2020, arXiv:2006.04152).
        case patience(Int)
    }

    public var rule: Rule
    /// Softmax temperature per kept exit, or empty for 1 everywhere.
    public var temperatures: [Double]

    public init(_ rule: Rule, temperatures: [Double] = []) {
        self.rule = rule
        self.temperatures = temperatures
    }

    /// Run to the last exit.
    public static func last(of model: CompiledModel) -> ExitPolicy { ExitPolicy(.exit(model.exits[model.exits.count - 1])) }

    /// Leave at this exit.
    public static func exit(_ index: Int) -> ExitPolicy { ExitPolicy(.exit(index)) }

    /// Leave where the largest softmax probability reaches the exit's threshold.
    public static func confidence(_ thresholds: [Double]) -> ExitPolicy { ExitPolicy(.threshold(.confidence, thresholds)) }

    /// One threshold for all exits but the last.
    public static func confidence(_ threshold: Double, for model: CompiledModel) -> ExitPolicy {
        .confidence(Array(repeating: threshold, count: model.stageCount - 1))
    }

    /// An operating point stored with the model.
    ///
    /// - Throws: ``RuntimeError`` naming the points there are.
    public static func calibrated(_ name: String, of model: CompiledModel) throws -> ExitPolicy {
        guard let policy = model.policies.first(where: { $0.name == name }) else {
            let known = model.policies.map(\.name).joined(separator: ", ")
            throw RuntimeError(.badPolicy, "no calibrated policy is named '\(name)'; this model has \(known.isEmpty ? "none" : known)")
        }
        let temperatures = policy.temperatures
        if policy.measure == "patience" {
            let patience = policy.thresholds.first ?? 1
            guard let exits = Int(exactly: patience.rounded()) else {
                throw RuntimeError(.badPolicy, "policy '\(name)' has patience \(patience); it must be a number of exits")
            }
            return ExitPolicy(.patience(exits), temperatures: temperatures)
        }
        guard let measure = ConfidenceMeasure(rawValue: policy.measure) else {
            throw RuntimeError(.badPolicy, "policy '\(name)' uses the measure '\(policy.measure)', which this build does not know")
        }
        return ExitPolicy(.threshold(measure, policy.thresholds), temperatures: temperatures)
    }
}

/// A policy that was checked against a model: it can be asked without fail.
public struct CheckedPolicy: Hashable, Sendable {
    public let policy: ExitPolicy
    /// For a fixed exit, its stage.
    let fixedStage: Int
    /// Exits of the model it was checked against.
    let stageCount: Int

    /// - Throws: ``RuntimeError`` when the policy does not fit the model's exits.
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

    /// What the exit at `stage` says, by this policy's measure and temperature.
    func verdict(_ logits: UnsafeBufferPointer<Float>, stage: Int) -> Verdict {
        let temperature = policy.temperatures.isEmpty ? 1 : policy.temperatures[stage]
        switch policy.rule {
        case .threshold(let measure, _): return measure.verdict(logits, temperature: temperature)
        case .exit, .patience: return ConfidenceMeasure.confidence.verdict(logits, temperature: temperature)
        }
    }

    /// Whether a sample leaves at `stage`, which is not the last.
    ///
    /// - Parameter streak: exits in a row, this one included, that confirmed the label of the exit before them.
    func leaves(at stage: Int, _ verdict: Verdict, streak: Int) -> Bool {
        switch policy.rule {
        case .threshold(_, let thresholds): verdict.certainty >= thresholds[stage]
        case .exit: stage >= fixedStage
        case .patience(let patience): streak >= patience
        }
    }
}
