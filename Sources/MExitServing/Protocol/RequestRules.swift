import MExitRuntime

/// What holds for requests of every protocol.
struct RequestRules: Sendable {
    let model: CompiledModel
    let limits: RequestLimits

    /// Nanoseconds.
    func deadline(milliseconds: Double) throws -> Int64 {
        guard (0...1e9).contains(milliseconds) else {
            throw RequestError(.badRequest, "'deadline_ms' is \(milliseconds); it must be 0 ... 1e9")
        }
        return Int64(milliseconds * 1e6)
    }

    func checkBatch(count: Int) throws {
        guard (1...limits.maximumBatch).contains(count) else {
            throw RequestError(count == 0 ? .badRequest : .tooLarge, "'batch' has \(count) samples; it must have 1 ... \(limits.maximumBatch)")
        }
    }

    /// A budget above what everything costs is as good as that.
    func budget(_ macs: Double, samples: Int) throws -> Int {
        guard macs > 0 else { throw RequestError(.badRequest, "'budget_macs' is \(macs); it must be above 0") }
        let most = model.cumulativeCosts[model.stageCount - 1].macs.multipliedReportingOverflow(by: samples)
        let cap = most.overflow ? Int.max : most.partialValue
        return macs >= Double(cap) ? cap : Int(macs)
    }

    /// What holds where a request names no policy: an anytime request is for all exits.
    func policy(_ standard: CheckedPolicy, anytime: Bool) throws -> CheckedPolicy {
        anytime ? try checked(.last(of: model)) : standard
    }

    func checked(_ policy: ExitPolicy) throws -> CheckedPolicy {
        do {
            return try CheckedPolicy(policy, for: model)
        } catch let error as RuntimeError {
            throw RequestError(.unknownPolicy, error.message)
        }
    }

    /// One threshold stands for all exits but the last.
    static func thresholds(_ given: [Double], for model: CompiledModel) -> [Double] {
        given.count == 1 ? Array(repeating: given[0], count: model.stageCount - 1) : given
    }
}
