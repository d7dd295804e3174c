import CMExitProto
import MExitCheckpoint
import MExitRuntime
import Testing

@testable import MExitServing

@Suite struct ProtobufTests {
    private let model: CompiledModel
    private let policy: CheckedPolicy
    private let decoder: ProtobufDecoder

    init() throws {
        model = try TestModels.compiled()
        policy = try CheckedPolicy(.confidence([0.5, 0.5]), for: model)
        decoder = ProtobufDecoder(model: model, limits: RequestLimits(maximumBatch: 3))
    }

    /// The fields of a message, written by hand: what the schema says, not what our encoder does.
    private func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2, UInt8(bytes.count)] + bytes }
    private func varint(_ number: UInt8, _ value: UInt8) -> [UInt8] { [number << 3, value] }
    private func double(_ number: UInt8, _ value: Double) -> [UInt8] {
        [number << 3 | 1] + withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
    }
    private var input: [UInt8] { field(2, field(1, [1, 2, 3])) }

    private func code(_ bytes: [UInt8]) -> RequestError.Code? {
        guard case .failure(let error) = decoder.decode(bytes, policy: policy).request else { return nil }
        return error.code
    }

    private func single(_ bytes: [UInt8]) throws -> ClassifyRequest {
        guard case .classify(_, let request) = try decoder.decode(bytes, policy: policy).request.get() else {
            throw RequestError(.internal, "not a classify request")
        }
        return request
    }

    @Test func aRequestIsReadFieldByField() throws {
        let bytes = field(1, [0, 255]) + input + double(6, 2.5) + varint(8, 3) + varint(9, 1) + varint(7, 0)
        let decoded = decoder.decode(bytes, policy: policy)
        #expect(decoded.id.wire == [0, 255])
        guard case .classify(.image(.bytes(let image)), let request) = try decoded.request.get() else {
            Issue.record("not an image")
            return
        }
        #expect(Array(image) == [1, 2, 3])
        #expect(request.options == AnswerOptions(topK: 3, logits: true))
        #expect(request.deadline == 2_500_000)
        #expect(request.policy == policy)
        #expect(try single(input + varint(7, 1)).policy.policy == .exit(2))
        // Fields that a newer client may send.
        #expect(try single(input + varint(15, 1)).deadline == nil)
    }

    @Test func policiesAreReadAndChecked() throws {
        let cases: [([UInt8], ExitPolicy)] = [
            (varint(1, 1) + double(2, 0.25), .confidence([0.25, 0.25])), (varint(1, 1) + double(2, 0.5) + double(2, 1), .confidence([0.5, 1])),
            (varint(1, 2) + double(2, 0.5) + double(6, 1) + double(6, 2) + double(6, 3), ExitPolicy(.threshold(.entropy, [0.5, 0.5]), temperatures: [1, 2, 3])),
            (varint(1, 3) + double(2, 0), ExitPolicy(.threshold(.margin, [0, 0]))), (varint(1, 4) + varint(3, 1), .exit(1)), (varint(1, 4), .exit(0)),
            (varint(1, 5) + varint(4, 2), ExitPolicy(.patience(2))), (varint(1, 6) + field(5, Array("early".utf8)), .confidence([0, 0])), (varint(1, 7), .exit(2)),
        ]
        for (bytes, expected) in cases { #expect(try single(input + field(5, bytes)).policy.policy == expected) }
    }

    @Test func everyKindOfMistakeHasItsCode() {
        #expect(code([0xFF, 0xFF]) == .badJSON)
        #expect(code(Array("{\"id\":1}".utf8)) == .badJSON)
        for bytes in [
            [], field(1, [1]), field(2, []), varint(4, 9), varint(4, 0), input + double(6, -1), input + double(6, .nan), input + field(5, []),
            input + field(5, varint(1, 1)), input + field(5, varint(1, 5)), input + field(5, varint(1, 77)), field(3, []),
            field(3, field(1, [])), field(3, field(1, field(1, [1])) + varint(3, 1)), field(3, field(1, field(1, [1])) + varint(3, 7)),
            field(3, field(1, field(1, [1])) + double(2, -1)), field(3, field(1, field(1, [1]))) + varint(7, 1), field(2, field(2, [0xC3, 0x28])),
        ] as [[UInt8]] {
            #expect(code(bytes) == .badRequest, "\(bytes)")
        }
        #expect(code(input + field(5, varint(1, 4) + varint(3, 9))) == .unknownPolicy)
        #expect(code(input + field(5, varint(1, 6) + field(5, [0x78]))) == .unknownPolicy)
        #expect(code(input + field(5, varint(1, 1) + double(2, 0) + double(2, 0) + double(2, 0))) == .unknownPolicy)
        let four = field(1, field(1, [1]))
        #expect(code(field(3, four + four + four + four)) == .tooLarge)
        // Two bytes of length: an id of 1030 bytes.
        #expect(code([0x0A, 0x86, 0x08] + [UInt8](repeating: 7, count: 1030) + input) == .tooLarge)
    }

    @Test func survivesEveryCutAndEveryChangedByte() {
        let bytes = field(1, [65]) + input + field(5, varint(1, 1) + double(2, 0.25)) + double(6, 2.5) + varint(8, 3)
        for length in bytes.indices { _ = decoder.decode(Array(bytes.prefix(length)), policy: policy) }
        for index in bytes.indices {
            for value: UInt8 in 0...255 {
                var changed = bytes
                changed[index] = value
                _ = decoder.decode(changed, policy: policy)
            }
        }
    }

    @Test func batchesCarryTheirBudget() throws {
        let inputs = field(1, field(3, [1])) + field(1, field(4, [1]))
        guard case .batch(let sources, let request) = try decoder.decode(field(3, inputs + double(2, 1e300)), policy: policy).request.get() else {
            Issue.record("not a batch")
            return
        }
        #expect(sources.count == 2)
        #expect(request.mode == .exact)
        #expect(request.budgetMACs == 2 * model.cumulativeCosts[2].macs)
    }

    @Test func responsesAreMessagesBehindTheirLengths() throws {
        var encoder = ProtobufEncoder()
        encoder.append(.error(RequestError(.badInput, String(repeating: "x", count: 300)), line: 7), id: RequestID(wire: [9]), model: model)
        encoder.append(.policy(.confidence([0.25, 1])), id: .none, model: model)
        var rest = encoder.bytes[...]
        var messages: [UnsafeMutablePointer<Mexit__Serving__Response>] = []
        while let low = rest.popFirst() {
            var length = Int(low & 0x7F)
            if low & 0x80 != 0, let high = rest.popFirst() { length |= Int(high) << 7 }
            let body = Array(rest.prefix(length))
            rest = rest.dropFirst(length)
            messages.append(try #require(mexit__serving__response__unpack(nil, body.count, body)))
        }
        defer { messages.forEach { mexit__serving__response__free_unpacked($0, nil) } }
        #expect(messages.count == 2)
        #expect(messages[0].pointee.id.len == 1)
        let error = try #require(messages[0].pointee.error)
        #expect(String(cString: error.pointee.code) == "bad_input")
        #expect(error.pointee.number == 7)
        let answer = try #require(messages[1].pointee.policy)
        #expect(Array(UnsafeBufferPointer(start: answer.pointee.thresholds, count: answer.pointee.n_thresholds)) == [0.25, 1])
    }
}
