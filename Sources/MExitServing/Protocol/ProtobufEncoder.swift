import CMExitProto
import MExitCheckpoint
import MExitIR
import MExitRuntime

/// Writes responses of the protobuf protocol: `mexit.serving.Response` of serve.proto, each behind its length.
struct ProtobufEncoder: ResponseEncoder {
    private(set) var bytes: [UInt8] = []

    mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    mutating func append(_ response: Response, id: RequestID, model: CompiledModel) {
        let arena = ProtoArena()
        let message = arena.make(mexit__serving__response__init) { message in
            if let id = id.wire { message.id = ProtobufCBinaryData(len: id.count, data: arena.array(id)) }
            fill(&message, response, model, arena)
        }
        append(UnsafeMutableRawPointer(message).assumingMemoryBound(to: ProtobufCMessage.self))
        withExtendedLifetime(arena) {}
    }

    private mutating func append(_ message: UnsafePointer<ProtobufCMessage>) {
        let size = protobuf_c_message_get_packed_size(message)
        var rest = size
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
        let start = bytes.count
        bytes.append(contentsOf: repeatElement(0, count: size))
        bytes.withUnsafeMutableBufferPointer { _ = protobuf_c_message_pack(message, $0.baseAddress.map { $0 + start }) }
    }

    private func fill(_ message: inout Mexit__Serving__Response, _ response: Response, _ model: CompiledModel, _ arena: ProtoArena) {
        switch response {
        case .ready(let server):
            message.what_case = MEXIT__SERVING__RESPONSE__WHAT_READY
            message.ready = arena.ready(server)
        case .result(let result):
            message.what_case = MEXIT__SERVING__RESPONSE__WHAT_RESULT
            message.result = arena.result(result.sample, model) {
                $0.queue_ms = Double(result.queueTime) / 1e6
                $0.compute_ms = Double(result.computeTime) / 1e6
                $0.final = result.isFinal ? 1 : 0
                if let late = result.isLate {
                    $0.lateness_case = MEXIT__SERVING__RESULT__LATENESS_LATE
                    $0.late = late ? 1 : 0
                }
            }
        case .batch(let batch):
            message.what_case = MEXIT__SERVING__RESPONSE__WHAT_BATCH
            message.batch = arena.batch(batch, model)
        case .error(let error, let number):
            message.what_case = MEXIT__SERVING__RESPONSE__WHAT_ERROR
            message.error = arena.error(error, number: number)
        case .policy(let policy):
            message.what_case = MEXIT__SERVING__RESPONSE__WHAT_POLICY
            message.policy = arena.policy(policy)
        case .stats, .model:
            var encoder = NDJSONEncoder()
            encoder.append(response, id: .none, model: model)
            message.what_case = MEXIT__SERVING__RESPONSE__WHAT_JSON
            // Without its newline.
            message.json = arena.array(encoder.bytes.dropLast().map { CChar(bitPattern: $0) } + [0])
        }
    }
}

extension ProtoArena {
    fileprivate func ready(_ server: ServerDescription) -> UnsafeMutablePointer<Mexit__Serving__Ready> {
        let model = server.model.compiled
        let shape = model.inputShape.dimensions.map { UInt32(clamping: $0) }
        let classes = (0..<model.classCount).map(model.className)
        let macs = model.cumulativeCosts.map { UInt64(clamping: $0.macs) }
        return make(mexit__serving__ready__init) {
            $0.model = string(server.model.name)
            ($0.n_shape, $0.shape) = (shape.count, array(shape))
            ($0.n_mean, $0.mean) = (model.preprocessing.mean.count, array(model.preprocessing.mean))
            ($0.n_std, $0.std) = (model.preprocessing.std.count, array(model.preprocessing.std))
            ($0.n_classes, $0.classes) = (classes.count, strings(classes))
            ($0.n_macs, $0.macs) = (macs.count, array(macs))
            $0.policy = policy(server.policy)
            $0.version = string(server.model.version)
        }
    }

    fileprivate func result(
        _ sample: SampleAnswer, _ model: CompiledModel, _ more: (inout Mexit__Serving__Result) -> Void = { _ in }
    ) -> UnsafeMutablePointer<Mexit__Serving__Result> {
        let answer = sample.answer
        return make(mexit__serving__result__init) {
            $0.exit = UInt32(clamping: answer.exit)
            $0.label = UInt32(clamping: answer.label)
            $0.class_name = string(model.className(answer.label))
            $0.confidence = answer.confidence
            $0.macs = UInt64(clamping: answer.macs)
            $0.macs_saved = UInt64(clamping: answer.macsSaved)
            $0.stages = UInt32(clamping: answer.stages)
            if sample.options.topK > 0 {
                let top = answer.top(sample.options.topK, temperature: sample.temperature).map { entry in
                    make(mexit__serving__class__init) {
                        $0.label = UInt32(clamping: entry.label)
                        $0.class_name = string(model.className(entry.label))
                        $0.probability = entry.probability
                    } as UnsafeMutablePointer<Mexit__Serving__Class>?
                }
                ($0.n_top, $0.top) = (top.count, array(top))
            }
            if sample.options.logits { ($0.n_logits, $0.logits) = (answer.logits.count, array(answer.logits)) }
            more(&$0)
        }
    }

    fileprivate func batch(_ batch: BatchResponse, _ model: CompiledModel) -> UnsafeMutablePointer<Mexit__Serving__BatchResult> {
        let results = batch.results.map { result -> UnsafeMutablePointer<Mexit__Serving__Result>? in
            switch result {
            case .success(let sample): self.result(sample, model)
            case .failure(let error): make(mexit__serving__result__init) { $0.error = self.error(error, number: 0) }
            }
        }
        return make(mexit__serving__batch_result__init) {
            ($0.n_results, $0.results) = (results.count, array(results))
            $0.mode = batch.mode == .exact ? MEXIT__SERVING__BATCH__MODE__EXACT : MEXIT__SERVING__BATCH__MODE__THRESHOLD
            $0.macs = UInt64(clamping: batch.macs)
            $0.macs_saved = UInt64(clamping: batch.macsSaved)
            $0.budget_macs = UInt64(clamping: batch.budgetMACs ?? 0)
            $0.queue_ms = Double(batch.queueTime) / 1e6
            $0.compute_ms = Double(batch.computeTime) / 1e6
        }
    }

    fileprivate func error(_ error: RequestError, number: Int) -> UnsafeMutablePointer<Mexit__Serving__Error> {
        make(mexit__serving__error__init) {
            $0.code = string(error.code.rawValue)
            $0.message = string(error.message)
            $0.number = UInt64(clamping: number)
        }
    }

    fileprivate func policy(_ policy: ExitPolicy) -> UnsafeMutablePointer<Mexit__Serving__Policy> {
        make(mexit__serving__policy__init) {
            switch policy.rule {
            case .threshold(let measure, let thresholds):
                switch measure {
                case .confidence: $0.kind = MEXIT__SERVING__POLICY__KIND__CONFIDENCE
                case .entropy: $0.kind = MEXIT__SERVING__POLICY__KIND__ENTROPY
                case .margin: $0.kind = MEXIT__SERVING__POLICY__KIND__MARGIN
                }
                ($0.n_thresholds, $0.thresholds) = (thresholds.count, array(thresholds))
            case .exit(let exit):
                $0.kind = MEXIT__SERVING__POLICY__KIND__EXIT
                $0.exit = UInt32(clamping: exit)
            case .patience(let patience):
                $0.kind = MEXIT__SERVING__POLICY__KIND__PATIENCE
                $0.patience = UInt32(clamping: patience)
            case .custom:
                // The message has no kind for policies of the embedder's own.
                $0.kind = MEXIT__SERVING__POLICY__KIND__KIND_UNSPECIFIED
            }
            ($0.n_temperatures, $0.temperatures) = (policy.temperatures.count, array(policy.temperatures))
            $0.product = policy.combination == .product ? 1 : 0
        }
    }
}
