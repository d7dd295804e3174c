extension ExitPolicy {
    /// The forms of a policy on a command line, for help texts.
    public static let textForms = "last | exit:INDEX | confidence:T[,T...] | entropy:T[,T...] | margin:T[,T...] | patience:N | calibrated:NAME, or product: before one of these"

    /// Reads a policy as commands take it: one of ``textForms``. One threshold stands for all exits but the last. `product:` makes
    /// labels and confidences those of ``ExitCombination/product``.
    ///
    /// - Parameters:
    ///   - text: such as `confidence:0.9`.
    ///   - model: what the policy is for; thresholds and exits are checked against it.
    /// - Throws: ``RuntimeError`` naming what was seen and the forms there are, or how the policy misfits the model.
    public init(text: String, for model: CompiledModel) throws {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let kind = String(parts[0])
        let value = parts.count > 1 ? String(parts[1]) : ""
        func refuse(_ what: String) -> RuntimeError {
            RuntimeError(.badPolicy, "cannot read the policy '\(text)': \(what); write \(ExitPolicy.textForms)")
        }
        switch kind {
        case "product":
            guard !value.hasPrefix("product:") else { throw refuse("'product:' stands twice") }
            self = try ExitPolicy(text: value, for: model)
            combination = .product
        case "last":
            guard parts.count == 1 else { throw refuse("'last' takes no value") }
            self = .last(of: model)
        case "exit":
            guard let exit = Int(value) else { throw refuse("'\(value)' is not the index of an exit") }
            self = .exit(exit)
        case "patience":
            guard let patience = Int(value) else { throw refuse("'\(value)' is not a number of exits") }
            self = ExitPolicy(.patience(patience))
        case "calibrated":
            self = try .calibrated(value, of: model)
        default:
            guard let measure = ConfidenceMeasure(rawValue: kind) else { throw refuse("'\(kind)' is no kind of policy") }
            let thresholds = try value.split(separator: ",", omittingEmptySubsequences: false).map { part in
                guard let number = Double(part), number.isFinite else { throw refuse("'\(part)' is not a threshold") }
                return number
            }
            let all = thresholds.count == 1 ? Array(repeating: thresholds[0], count: model.stageCount - 1) : thresholds
            self = ExitPolicy(.threshold(measure, all))
        }
        _ = try CheckedPolicy(self, for: model)
    }
}
