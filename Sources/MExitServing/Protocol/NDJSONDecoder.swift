import MExitRuntime

/// Reads requests of the ndjson protocol; `docs/protocol.md` is its specification.
struct NDJSONDecoder: RequestDecoder {
    private let model: CompiledModel
    private let rules: RequestRules

    init(model: CompiledModel, limits: RequestLimits) {
        self.model = model
        rules = RequestRules(model: model, limits: limits)
    }

    /// - Parameters:
    ///   - line: without its newline.
    ///   - policy: for requests that name none.
    func decode(_ line: [UInt8], policy: CheckedPolicy) -> DecodedRequest {
        var id = RequestID.none
        do {
            guard case .object(let members) = try JSONParser.parse(line) else {
                throw RequestError(.badJSON, "the line is JSON, but no object; a request is one object on one line")
            }
            let reader = RequestReader(members)
            id = try requestID(reader)
            return DecodedRequest(id: id, request: .success(try request(reader, policy)))
        } catch let error as RequestError {
            return DecodedRequest(id: id, request: .failure(error))
        } catch {
            return DecodedRequest(id: id, request: .failure(RequestError(.badJSON, "the line is not JSON: \(error)")))
        }
    }

    private func requestID(_ reader: RequestReader) throws -> RequestID {
        guard let value = reader["id"] else { return .none }
        let json: [UInt8]
        switch value {
        case .string(let text): json = [UInt8(ascii: "\"")] + text.raw + [UInt8(ascii: "\"")]
        case .number(let digits):
            _ = try reader.number(value, "id")
            json = Array(digits)
        default: throw reader.wrong("id", value, "it must be a string or a number")
        }
        guard json.count <= RequestID.maximumBytes else {
            throw RequestError(.tooLarge, "'id' has \(json.count) bytes; at most \(RequestID.maximumBytes) are kept")
        }
        return RequestID(wire: json)
    }

    private func request(_ reader: RequestReader, _ policy: CheckedPolicy) throws -> Request {
        if let op = try reader.string("op") {
            switch op {
            case "stats": return .stats
            case "model": return .model
            case "policy":
                guard try reader.policy(for: model) != nil else { return .policy(nil) }
                return .policy { model in
                    guard let policy = try reader.policy(for: model) else { return .last(of: model) }
                    return policy.policy
                }
            case "classify": break
            default: throw RequestError(.badRequest, "'op' is '\(op.prefix(64))'; it must be classify, stats, model or policy")
            }
        }
        if let batch = try reader.array("batch") { return try batchRequest(reader, batch, policy) }
        return .classify(try source(reader), try classifyRequest(reader, policy))
    }

    private func classifyRequest(_ reader: RequestReader, _ policy: CheckedPolicy) throws -> ClassifyRequest {
        let own = try reader.policy(for: model)
        let anytime = try reader.bool("anytime") ?? false
        if reader["budget_macs"] != nil || reader["mode"] != nil {
            throw RequestError(.badRequest, "'budget_macs' and 'mode' belong to a 'batch'; for one sample choose a policy")
        }
        return ClassifyRequest(
            policy: try own ?? rules.policy(policy, anytime: anytime), options: try options(reader), deadline: try reader.number("deadline_ms").map(rules.deadline),
            anytime: anytime)
    }

    private func options(_ reader: RequestReader) throws -> AnswerOptions {
        AnswerOptions(topK: try reader.integer("top_k", in: 0...1_000_000) ?? 0, logits: try reader.bool("logits") ?? false)
    }

    private func batchRequest(_ reader: RequestReader, _ batch: [JSON], _ policy: CheckedPolicy) throws -> Request {
        for key in ["anytime", "deadline_ms", "image", "path", "tensor"] where reader[key] != nil {
            throw RequestError(.badRequest, "'\(key)' does not go with 'batch'")
        }
        try rules.checkBatch(count: batch.count)
        let budget = try reader.number("budget_macs").map { try rules.budget($0, samples: batch.count) }
        let mode = try mode(reader, hasBudget: budget != nil)
        let sources = try batch.enumerated().map { index, value in
            guard case .object(let members) = value else {
                throw RequestError(.badRequest, "'batch[\(index)]' is \(value.kind); it must be an object with 'image', 'path' or 'tensor'")
            }
            return try source(RequestReader(members, prefix: "batch[\(index)]."))
        }
        let request = BatchRequest(
            policy: try reader.policy(for: model) ?? policy, options: try options(reader), mode: mode,
            budgetMACs: budget)
        return .batch(sources, request)
    }

    private func mode(_ reader: RequestReader, hasBudget: Bool) throws -> BatchRequest.Mode {
        switch try reader.string("mode") {
        case nil: return hasBudget ? .exact : .threshold
        case "threshold": return .threshold
        case "exact":
            guard hasBudget else { throw RequestError(.badRequest, "'budget_macs' is missing; mode exact needs it") }
            return .exact
        case let other?: throw RequestError(.badRequest, "'mode' is '\(other.prefix(64))'; it must be exact or threshold")
        }
    }

    private func source(_ reader: RequestReader) throws -> Source {
        let given = ["image", "path", "tensor"].filter { reader[$0] != nil }
        guard given.count == 1 else {
            throw RequestError(
                .badRequest, "\(given.isEmpty ? "none" : given.map { "'\(reader.prefix)\($0)'" }.joined(separator: " and ")) of '\(reader.prefix)image', 'path', 'tensor' is given; exactly one must be")
        }
        if let image = try reader.text("image") { return .image(.base64(image.bytes)) }
        if let path = try reader.string("path") { return .path(path) }
        guard let tensor = try reader.text("tensor") else { throw RequestError(.badRequest, "'\(reader.prefix)tensor' is missing") }
        guard let dtype = try reader.string("dtype"), let kind = TensorKind(rawValue: dtype) else {
            throw RequestError(.badRequest, "'\(reader.prefix)dtype' must be \"u8\" or \"f32\" beside a tensor")
        }
        if let shape = try reader.array("shape") {
            let dimensions = try shape.enumerated().map { try reader.number($0.element, "shape[\($0.offset)]") }
            guard dimensions == model.inputShape.dimensions.map(Double.init) else {
                throw RequestError(.badInput, "'\(reader.prefix)shape' is \(dimensions.map { Int(exactly: $0).map(String.init) ?? "\($0)" }.joined(separator: "x")); this model takes \(model.inputShape)")
            }
        }
        return .tensor(.base64(tensor.bytes), kind)
    }
}

/// A request's id, as far as it could be read, and the request or what is wrong with it.
struct DecodedRequest: Sendable {
    var id: RequestID
    var request: Result<Request, RequestError>
}

/// Reads requests of one protocol, for one model.
protocol RequestDecoder: Sendable {
    /// - Parameter policy: for requests that name none.
    func decode(_ message: [UInt8], policy: CheckedPolicy) -> DecodedRequest
}

/// What one request may be, at most.
struct RequestLimits: Hashable, Sendable {
    /// Samples in a batch.
    var maximumBatch = 4096
}
