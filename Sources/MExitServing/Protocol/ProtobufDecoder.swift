import CMExitProto
import MExitCheckpoint
import MExitRuntime

/// Reads requests of the protobuf protocol: `mexit.serving.Request` of serve.proto.
struct ProtobufDecoder: RequestDecoder {
    private let rules: RequestRules

    init(model: CompiledModel, limits: RequestLimits) { rules = RequestRules(model: model, limits: limits) }

    func decode(_ message: [UInt8], policy: CheckedPolicy) -> DecodedRequest {
        UnpackBudget.withAllocator { allocator in
            let unpacked = message.withUnsafeBufferPointer { mexit__serving__request__unpack(allocator, $0.count, $0.baseAddress) }
            guard let unpacked else {
                return DecodedRequest(
                    id: .none,
                    request: .failure(RequestError(.badJSON, "the message is no mexit.serving.Request, or takes over \(UnpackBudget.bytes) bytes of memory")))
            }
            defer { mexit__serving__request__free_unpacked(unpacked, allocator) }
            var id = RequestID.none
            do {
                id = try requestID(unpacked.pointee.id)
                return DecodedRequest(id: id, request: .success(try request(unpacked.pointee, policy)))
            } catch {
                return DecodedRequest(id: id, request: .failure(error as? RequestError ?? RequestError(.internal, "\(error)")))
            }
        }
    }

    private func requestID(_ data: ProtobufCBinaryData) throws -> RequestID {
        guard data.len <= RequestID.maximumBytes else {
            throw RequestError(.tooLarge, "'id' has \(data.len) bytes; at most \(RequestID.maximumBytes) are kept")
        }
        return RequestID(wire: data.len == 0 ? nil : Array(data.buffer))
    }

    private func request(_ message: Mexit__Serving__Request, _ standard: CheckedPolicy) throws -> Request {
        let asked = try message.policy.map { try WirePolicy($0.pointee) }
        let options = AnswerOptions(topK: Int(message.top_k), logits: message.logits != 0)
        switch message.what_case {
        case MEXIT__SERVING__REQUEST__WHAT_OPERATION:
            return try operation(message.operation, asked)
        case MEXIT__SERVING__REQUEST__WHAT_BATCH:
            guard let batch = message.batch else { break }
            if message.anytime != 0 || message.deadline_case != MEXIT__SERVING__REQUEST__DEADLINE__NOT_SET {
                throw RequestError(.badRequest, "'anytime' and 'deadline_ms' do not go with 'batch'")
            }
            let policy = try asked.map { try rules.checked(try $0.policy(for: rules.model)) } ?? standard
            return try batchRequest(batch.pointee, policy, options)
        case MEXIT__SERVING__REQUEST__WHAT_INPUT:
            guard let input = message.input else { break }
            let anytime = message.anytime != 0
            let policy = try asked.map { try rules.checked(try $0.policy(for: rules.model)) } ?? rules.policy(standard, anytime: anytime)
            let hasDeadline = message.deadline_case == MEXIT__SERVING__REQUEST__DEADLINE_DEADLINE_MS
            let request = ClassifyRequest(
                policy: policy, options: options, deadline: hasDeadline ? try rules.deadline(milliseconds: message.deadline_ms) : nil, anytime: anytime)
            return .classify(try source(input.pointee, "input"), request)
        default: break
        }
        throw RequestError(.badRequest, "none of 'input', 'batch', 'operation' is given; exactly one must be")
    }

    private func operation(_ operation: Mexit__Serving__Operation, _ policy: WirePolicy?) throws -> Request {
        switch operation {
        case MEXIT__SERVING__OPERATION__STATS: return .stats
        case MEXIT__SERVING__OPERATION__MODEL: return .model
        case MEXIT__SERVING__OPERATION__POLICY:
            guard let policy else { return .policy(nil) }
            _ = try rules.checked(try policy.policy(for: rules.model))
            return .policy(policy.policy(for:))
        default:
            throw RequestError(.badRequest, "'operation' is \(operation.rawValue); it must be STATS, MODEL or POLICY")
        }
    }

    private func batchRequest(_ batch: Mexit__Serving__Batch, _ policy: CheckedPolicy, _ options: AnswerOptions) throws -> Request {
        let inputs = UnsafeBufferPointer(start: batch.inputs, count: batch.inputs == nil ? 0 : batch.n_inputs)
        try rules.checkBatch(count: inputs.count)
        let budget = batch.budget_macs == 0 ? nil : try rules.budget(batch.budget_macs, samples: inputs.count)
        let mode: BatchRequest.Mode
        switch batch.mode {
        case MEXIT__SERVING__BATCH__MODE__AUTOMATIC: mode = budget == nil ? .threshold : .exact
        case MEXIT__SERVING__BATCH__MODE__THRESHOLD: mode = .threshold
        case MEXIT__SERVING__BATCH__MODE__EXACT:
            guard budget != nil else { throw RequestError(.badRequest, "'budget_macs' is missing; mode EXACT needs it") }
            mode = .exact
        default: throw RequestError(.badRequest, "'mode' is \(batch.mode.rawValue); it must be AUTOMATIC, EXACT or THRESHOLD")
        }
        let sources = try inputs.enumerated().map { index, input in
            guard let input else { throw RequestError(.badRequest, "'batch.inputs[\(index)]' is missing") }
            return try source(input.pointee, "batch.inputs[\(index)]")
        }
        return .batch(sources, BatchRequest(policy: policy, options: options, mode: mode, budgetMACs: budget))
    }

    private func source(_ input: Mexit__Serving__Input, _ name: String) throws -> Source {
        switch input.source_case {
        case MEXIT__SERVING__INPUT__SOURCE_IMAGE: return .image(.bytes(Array(input.image.buffer)[...]))
        case MEXIT__SERVING__INPUT__SOURCE_U8: return .tensor(.bytes(Array(input.u8.buffer)[...]), .u8)
        case MEXIT__SERVING__INPUT__SOURCE_F32: return .tensor(.bytes(Array(input.f32.buffer)[...]), .f32)
        case MEXIT__SERVING__INPUT__SOURCE_PATH:
            guard let path = input.path.flatMap({ String(validatingCString: $0) }) else { throw RequestError(.badRequest, "'\(name).path' is not UTF-8") }
            return .path(path)
        default:
            throw RequestError(.badRequest, "none of '\(name).image', 'path', 'u8', 'f32' is given; exactly one must be")
        }
    }
}

/// A policy of a message, kept apart from it.
private struct WirePolicy: Sendable {
    private let kind: UInt32
    private let thresholds: [Double]
    private let exit: Int
    private let patience: Int
    private let name: String
    private let temperatures: [Double]
    private let isProduct: Bool

    init(_ message: Mexit__Serving__Policy) throws {
        kind = UInt32(bitPattern: Int32(truncatingIfNeeded: message.kind.rawValue))
        thresholds = Array(UnsafeBufferPointer(start: message.thresholds, count: message.thresholds == nil ? 0 : message.n_thresholds))
        exit = Int(message.exit)
        patience = Int(message.patience)
        guard let text = message.name.flatMap({ String(validatingCString: $0) }) else { throw RequestError(.badRequest, "'policy.name' is not UTF-8") }
        name = text
        temperatures = Array(UnsafeBufferPointer(start: message.temperatures, count: message.temperatures == nil ? 0 : message.n_temperatures))
        isProduct = message.product != 0
    }

    func policy(for model: CompiledModel) throws -> ExitPolicy {
        var policy = try single(for: model)
        if isProduct { policy.combination = .product }
        return policy
    }

    /// The policy by what each exit says for itself.
    private func single(for model: CompiledModel) throws -> ExitPolicy {
        func threshold(_ measure: ConfidenceMeasure) throws -> ExitPolicy {
            guard !thresholds.isEmpty || model.stageCount == 1 else {
                throw RequestError(.badRequest, "'policy.thresholds' is empty; give one, or one per exit but the last")
            }
            return ExitPolicy(.threshold(measure, RequestRules.thresholds(thresholds, for: model)), temperatures: temperatures)
        }
        switch Mexit__Serving__Policy__Kind(rawValue: kind) {
        case MEXIT__SERVING__POLICY__KIND__CONFIDENCE: return try threshold(.confidence)
        case MEXIT__SERVING__POLICY__KIND__ENTROPY: return try threshold(.entropy)
        case MEXIT__SERVING__POLICY__KIND__MARGIN: return try threshold(.margin)
        case MEXIT__SERVING__POLICY__KIND__EXIT: return .exit(exit)
        case MEXIT__SERVING__POLICY__KIND__PATIENCE:
            guard patience >= 1 else { throw RequestError(.badRequest, "'policy.patience' is 0; it must be at least 1") }
            return ExitPolicy(.patience(patience))
        case MEXIT__SERVING__POLICY__KIND__LAST: return .last(of: model)
        case MEXIT__SERVING__POLICY__KIND__CALIBRATED:
            do {
                return try .calibrated(name, of: model)
            } catch let error as RuntimeError {
                throw RequestError(.unknownPolicy, error.message)
            }
        default:
            throw RequestError(.badRequest, "'policy.kind' is \(kind); it must be one of CONFIDENCE, ENTROPY, MARGIN, EXIT, PATIENCE, CALIBRATED, LAST")
        }
    }
}

extension ProtobufCBinaryData {
    fileprivate var buffer: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: data, count: data == nil ? 0 : len) }
}
