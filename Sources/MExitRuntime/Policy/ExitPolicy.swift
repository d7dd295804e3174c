import MExitIR

/// When a sample leaves the network. The last exit takes whoever comes that far: it has no threshold.
public struct ExitPolicy: Hashable, Sendable {
    /// What makes a sample leave.
    public enum Rule: Hashable, Sendable {
        /// Leave at the first exit whose certainty is at least its threshold.
        case threshold(ConfidenceMeasure, [Double])
        /// Leave at this exit, an index into the model's exits.
        case exit(Int)
        /// Leave when this many exits in a row have confirmed the label of the exit before them
        /// (Zhou et al., BERT Loses Patience, NeurIPS 2020, arXiv:2006.04152).
        case patience(Int)
        /// Leave when a policy of your own says so.
        case custom(CustomRule)
    }

    /// What makes a sample leave.
    public var rule: Rule
    /// Softmax temperature per kept exit, or empty for 1 everywhere.
    public var temperatures: [Double]
    /// Which exits an answer's label and confidence rest on; the logits of an answer are always those of its own exit.
    public var combination: ExitCombination

    /// A policy; whether it fits a model is found out when it is checked for one (``CheckedPolicy``).
    ///
    /// - Parameters:
    ///   - temperatures: above 0, one per kept exit; or none for 1 everywhere.
    ///   - combination: which exits labels and confidences rest on.
    public init(_ rule: Rule, temperatures: [Double] = [], combination: ExitCombination = .newest) {
        self.rule = rule
        self.temperatures = temperatures
        self.combination = combination
    }

    /// Leave when a policy of your own says so.
    ///
    /// - Parameters:
    ///   - temperatures: softmax temperature per kept exit, or none for 1 everywhere.
    ///   - combination: which exits labels and confidences rest on.
    public static func custom(
        _ policy: some CustomPolicy, temperatures: [Double] = [], combination: ExitCombination = .newest
    ) -> ExitPolicy {
        ExitPolicy(.custom(CustomRule(policy)), temperatures: temperatures, combination: combination)
    }

    /// Run to the last exit.
    public static func last(of model: CompiledModel) -> ExitPolicy { ExitPolicy(.exit(model.exits[model.exits.count - 1])) }

    /// Leave at this exit.
    ///
    /// - Parameter index: into the graph's exits, from 0; the model must have kept it.
    public static func exit(_ index: Int) -> ExitPolicy { ExitPolicy(.exit(index)) }

    /// Leave where the largest softmax probability reaches the exit's threshold (Huang et al., ICLR 2018, arXiv:1703.09844).
    ///
    /// - Parameter thresholds: one per kept exit but the last. Above 1 nobody leaves there; 0 or less lets everybody out.
    public static func confidence(_ thresholds: [Double]) -> ExitPolicy { ExitPolicy(.threshold(.confidence, thresholds)) }

    /// As ``confidence(_:)``, with one threshold for all exits of a model but the last.
    public static func confidence(_ threshold: Double, for model: CompiledModel) -> ExitPolicy {
        .confidence(Array(repeating: threshold, count: model.stageCount - 1))
    }

    /// An operating point stored with the model. Of a model that was compiled for some of its exits, the thresholds of those
    /// count; what the point expects or promises was said of the whole model.
    ///
    /// - Parameter name: of a point in ``CompiledModel/policies``.
    /// - Throws: ``RuntimeError`` naming the points there are.
    public static func calibrated(_ name: String, of model: CompiledModel) throws -> ExitPolicy {
        guard let policy = model.policies.first(where: { $0.name == name }) else {
            let known = model.policies.map(\.name).joined(separator: ", ")
            throw RuntimeError(.badPolicy, "no calibrated policy is named '\(name)'; this model has \(known.isEmpty ? "none" : known)")
        }
        let temperatures = policy.temperatures.isEmpty ? [] : model.exits.map { policy.temperatures[$0] }
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
        return ExitPolicy(.threshold(measure, model.exits.dropLast().map { policy.thresholds[$0] }), temperatures: temperatures)
    }
}
