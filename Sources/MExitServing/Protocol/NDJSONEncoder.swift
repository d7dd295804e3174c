import MExitRuntime

/// Writes responses of the ndjson protocol, one line each; `docs/protocol.md` is its specification.
struct NDJSONEncoder: ResponseEncoder {
    private var writer = JSONWriter()

    var bytes: [UInt8] { writer.bytes }

    mutating func removeAll() { writer.removeAll() }

    mutating func append(_ response: Response, id: RequestID, model: CompiledModel) {
        writer.object { writer in
            writer.member("type", response.typeName)
            if case .ready = response {} else { writer.id(id) }
            switch response {
            case .ready(let server): writer.members(ready: server)
            case .result(let result): writer.members(result, model)
            case .batch(let batch): writer.members(batch, model)
            case .error(let error, let line):
                writer.members(error)
                writer.member("line", line)
            case .stats(let snapshot): snapshot.write(to: &writer)
            case .model(let server): writer.members(model: server)
            case .policy(let policy): writer.policy(policy)
            }
        }
        writer.newline()
    }
}

/// Writes responses of one protocol into a buffer.
protocol ResponseEncoder {
    var bytes: [UInt8] { get }
    mutating func removeAll()
    /// - Parameter model: the one that the response is about.
    mutating func append(_ response: Response, id: RequestID, model: CompiledModel)
}

extension Response {
    fileprivate var typeName: String {
        switch self {
        case .ready: "ready"
        case .result: "result"
        case .batch: "batch"
        case .error: "error"
        case .stats: "stats"
        case .model: "model"
        case .policy: "policy"
        }
    }
}

extension JSONWriter {
    fileprivate mutating func id(_ id: RequestID) {
        key("id")
        if let json = id.wire { raw(json) } else { null() }
    }

    fileprivate mutating func members(_ result: ResultResponse, _ model: CompiledModel) {
        members(result.sample, model)
        member("queue_ms", milliseconds: result.queueTime)
        member("compute_ms", milliseconds: result.computeTime)
        if let late = result.isLate { member("late", late) }
        member("final", result.isFinal)
    }

    fileprivate mutating func members(_ sample: SampleAnswer, _ model: CompiledModel) {
        let answer = sample.answer
        member("exit", answer.exit)
        member("label", answer.label)
        member("class", model.className(answer.label))
        member("confidence", answer.confidence)
        member("macs", answer.macs)
        member("macs_saved", answer.macsSaved)
        member("stages", answer.stages)
        if sample.options.topK > 0 {
            key("top")
            array(answer.top(sample.options.topK, temperature: sample.temperature)) { writer, entry in
                writer.object {
                    $0.member("label", entry.label)
                    $0.member("class", model.className(entry.label))
                    $0.member("probability", entry.probability)
                }
            }
        }
        if sample.options.logits {
            key("logits")
            array(answer.logits) { $0.number($1) }
        }
    }

    fileprivate mutating func members(_ batch: BatchResponse, _ model: CompiledModel) {
        key("results")
        array(batch.results) { writer, result in
            writer.object { writer in
                switch result {
                case .success(let sample): writer.members(sample, model)
                case .failure(let error):
                    writer.key("error")
                    writer.object { $0.members(error) }
                }
            }
        }
        member("mode", batch.mode == .exact ? "exact" : "threshold")
        member("macs", batch.macs)
        member("macs_saved", batch.macsSaved)
        if let budget = batch.budgetMACs { member("budget_macs", budget) }
        member("queue_ms", milliseconds: batch.queueTime)
        member("compute_ms", milliseconds: batch.computeTime)
    }

    fileprivate mutating func members(_ error: RequestError) {
        member("code", error.code.rawValue)
        member("message", error.message)
    }

    mutating func policy(_ policy: ExitPolicy) {
        key("policy")
        object { writer in
            switch policy.rule {
            case .threshold(let measure, let thresholds):
                writer.member("kind", measure.rawValue)
                writer.key("thresholds")
                writer.array(thresholds) { $0.number($1) }
            case .exit(let exit):
                writer.member("kind", "exit")
                writer.member("exit", exit)
            case .patience(let patience):
                writer.member("kind", "patience")
                writer.member("patience", patience)
            case .custom(let custom):
                writer.member("kind", "custom")
                writer.member("name", custom.policy.name)
            }
            if policy.combination == .product { writer.member("product", true) }
            if !policy.temperatures.isEmpty {
                writer.key("temperatures")
                writer.array(policy.temperatures) { $0.number($1) }
            }
        }
    }
}
