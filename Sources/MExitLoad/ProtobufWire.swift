import CMExitProto
import MExitCheckpoint

/// The protobuf protocol, from the client's side.
struct ProtobufWire: LoadWire {
    /// Per sample, the packed fields of a request behind its id.
    private var rests: [[UInt8]] = []

    mutating func ready(_ input: inout InputBytes) throws -> LoadReady? {
        try response(&input) { response in
            guard response.what_case == MEXIT__SERVING__RESPONSE__WHAT_READY, let ready = response.ready?.pointee else {
                throw LoadError("the server's first message is no Ready")
            }
            return LoadReady(
                model: ready.model.map { String(cString: $0) } ?? "",
                shape: UnsafeBufferPointer(start: ready.shape, count: ready.n_shape).map(Int.init),
                classes: UnsafeBufferPointer(start: ready.classes, count: ready.n_classes).map { $0.map { String(cString: $0) } ?? "" })
        }
    }

    mutating func prepare(_ samples: LoadSamples, deadline: Double?) {
        rests = samples.tensors.map { tensor in
            let arena = ProtoArena()
            let input = arena.make(mexit__serving__input__init) {
                $0.source_case = MEXIT__SERVING__INPUT__SOURCE_U8
                $0.u8 = ProtobufCBinaryData(len: tensor.count, data: arena.array(tensor))
            }
            let request = arena.make(mexit__serving__request__init) {
                $0.what_case = MEXIT__SERVING__REQUEST__WHAT_INPUT
                $0.input = input
                if let deadline {
                    $0.deadline_case = MEXIT__SERVING__REQUEST__DEADLINE_DEADLINE_MS
                    $0.deadline_ms = deadline
                }
            }
            let base = UnsafeMutableRawPointer(request).assumingMemoryBound(to: ProtobufCMessage.self)
            return [UInt8](unsafeUninitializedCapacity: protobuf_c_message_get_packed_size(base)) { out, count in
                count = protobuf_c_message_pack(base, out.baseAddress)
            }
        }
    }

    /// Fields of a message may stand in any order, so the id is put before the rest that was packed once.
    func append(id: Int, sample index: Int, to out: inout [UInt8]) {
        let text = String(id).utf8
        // Tag of field 1, of wire type 2 (bytes).
        let head: [UInt8] = [0x0A, UInt8(text.count)] + Array(text)
        var length = head.count + rests[index].count
        while length >= 0x80 {
            out.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        out.append(UInt8(length))
        out.append(contentsOf: head)
        out.append(contentsOf: rests[index])
    }

    mutating func answer(_ input: inout InputBytes) throws -> LoadAnswer? {
        try response(&input) { response in
            let bytes = UnsafeBufferPointer(start: response.id.data, count: response.id.len)
            guard let id = Int(String(decoding: bytes, as: UTF8.self)) else { throw LoadError("an answer has no id of ours") }
            switch response.what_case {
            case MEXIT__SERVING__RESPONSE__WHAT_RESULT:
                guard let result = response.result?.pointee else { break }
                return LoadAnswer(
                    id: id,
                    result: LoadAnswer.Result(
                        label: Int(result.label), exit: Int(result.exit), macs: Int(clamping: result.macs), macsSaved: Int(clamping: result.macs_saved),
                        compute: Int64(result.compute_ms * 1e6), isLate: result.late != 0))
            case MEXIT__SERVING__RESPONSE__WHAT_ERROR:
                return LoadAnswer(id: id, code: response.error?.pointee.code.map { String(cString: $0) } ?? "")
            default: break
            }
            return LoadAnswer(id: id, code: "unexpected")
        }
    }

    /// Gives the next whole message to `body`; nil when none is there.
    private func response<Result>(_ input: inout InputBytes, _ body: (Mexit__Serving__Response) throws -> Result) throws -> Result? {
        var length = 0
        var shift = 0
        var head = 0
        for byte in input.unused.prefix(10) {
            head += 1
            length |= Int(byte & 0x7F) << shift
            shift += 7
            if byte & 0x80 == 0 { break }
            guard shift < 42 else { throw LoadError("the server wrote a length that is none") }
        }
        guard head > 0, input.bytes[input.start + head - 1] & 0x80 == 0, input.count >= head + length else { return nil }
        let start = input.start + head
        let unpacked = input.bytes.withUnsafeBufferPointer { mexit__serving__response__unpack(nil, length, $0.baseAddress.map { $0 + start }) }
        input.use(head + length)
        guard let unpacked else { throw LoadError("the server wrote a message that is no mexit.serving.Response") }
        defer { mexit__serving__response__free_unpacked(unpacked, nil) }
        return try body(unpacked.pointee)
    }
}
