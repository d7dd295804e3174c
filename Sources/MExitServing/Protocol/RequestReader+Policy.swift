import MExitRuntime

extension RequestReader {
    /// The member `policy`, checked against the model; nil when it is missing.
    func policy(for model: CompiledModel) throws -> CheckedPolicy? {
        guard let reader = try object("policy") else { return nil }
        do {
            var policy = try reader.exitPolicy(for: model)
            if try reader.bool("product") == true { policy.combination = .product }
            return try CheckedPolicy(policy, for: model)
        } catch let error as RuntimeError {
            throw RequestError(.unknownPolicy, error.message)
        }
    }

    /// The policy that this object describes.
    private func exitPolicy(for model: CompiledModel) throws -> ExitPolicy {
        guard let kind = try string("kind") else {
            throw RequestError(.badRequest, "'\(prefix)kind' is missing; name one of \(RequestReader.policyKinds)")
        }
        switch kind {
        case "last":
            return .last(of: model)
        case "exit":
            return .exit(try required("exit", try integer("exit", in: 0...Int(Int32.max))))
        case "patience":
            return ExitPolicy(.patience(try required("patience", try integer("patience", in: 1...Int(Int32.max)))))
        case "calibrated":
            return try .calibrated(try required("name", try string("name")), of: model)
        default:
            guard let measure = ConfidenceMeasure(rawValue: kind) else {
                throw RequestError(.badRequest, "'\(prefix)kind' is '\(kind.prefix(64))'; it must be one of \(RequestReader.policyKinds)")
            }
            return ExitPolicy(.threshold(measure, try thresholds(count: model.stageCount - 1)), temperatures: try numbers("temperatures") ?? [])
        }
    }

    private static let policyKinds = "confidence, entropy, margin, exit, patience, calibrated, last"

    private func thresholds(count: Int) throws -> [Double] {
        let list = try numbers("thresholds")
        let one = try number("threshold")
        switch (list, one) {
        case (let list?, nil): return list
        case (nil, let one?): return Array(repeating: one, count: count)
        default:
            throw RequestError(.badRequest, "'\(prefix)threshold' (one number) or '\(prefix)thresholds' (one per exit but the last, \(count) in all) must be given, not both")
        }
    }

    private func numbers(_ key: String) throws -> [Double]? {
        try array(key)?.enumerated().map { try number($0.element, "\(key)[\($0.offset)]") }
    }

    private func required<Value>(_ key: String, _ value: Value?) throws -> Value {
        guard let value else { throw RequestError(.badRequest, "'\(prefix)\(key)' is missing") }
        return value
    }
}
