import CMExitProto
import Foundation
import Testing

@Suite struct ServeProtobufTests {
    /// A response, kept as long as this object.
    private final class Message {
        let pointer: UnsafeMutablePointer<Mexit__Serving__Response>
        init(_ bytes: [UInt8]) throws { pointer = try #require(mexit__serving__response__unpack(nil, bytes.count, bytes)) }
        deinit { mexit__serving__response__free_unpacked(pointer, nil) }

        var id: [UInt8] { Array(UnsafeBufferPointer(start: pointer.pointee.id.data, count: pointer.pointee.id.len)) }
        var result: Mexit__Serving__Result? {
            pointer.pointee.what_case == MEXIT__SERVING__RESPONSE__WHAT_RESULT ? pointer.pointee.result?.pointee : nil
        }
        var error: Mexit__Serving__Error? {
            pointer.pointee.what_case == MEXIT__SERVING__RESPONSE__WHAT_ERROR ? pointer.pointee.error?.pointee : nil
        }
        var code: String? { error.map { String(cString: $0.code) } }
    }

    private func varint(_ value: Int) -> [UInt8] {
        value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7F | 0x80)] + varint(value >> 7)
    }
    private func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] { [number << 3 | 2] + varint(bytes.count) + bytes }
    private func framed(_ message: [UInt8]) -> [UInt8] { varint(message.count) + message }
    private func double(_ number: UInt8, _ value: Double) -> [UInt8] {
        [number << 3 | 1] + withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
    }
    private let tensor = (0..<3072).map { UInt8($0 % 251) }

    /// Runs a server over a whole input and cuts what it wrote.
    private func responses(_ input: [UInt8], _ arguments: [String] = []) throws -> [Message] {
        let child = try ChildProcess(
            "mexit-serve", [try ServeFixture.model.get().path, "--quiet", "--threads", "1", "--protocol", "protobuf", "--ordered"] + arguments)
        child.sendInBackground(input)
        var rest = try child.readAll()[...]
        #expect(try child.wait() == 0, "\(child.errorText)")
        var messages: [Message] = []
        while !rest.isEmpty {
            var length = 0
            var shift = 0
            while let byte = rest.popFirst() {
                length |= Int(byte & 0x7F) << shift
                shift += 7
                if byte & 0x80 == 0 { break }
            }
            messages.append(try Message(Array(rest.prefix(length))))
            rest = rest.dropFirst(length)
        }
        return messages
    }

    @Test func answersAreThoseOfTheOtherProtocol() throws {
        let json = try ServeFixture.answers(
            [
                #"{"id":1,"tensor":"\#(Data(tensor).base64EncodedString())","dtype":"u8","logits":true,"top_k":2,"policy":{"kind":"exit","exit":2}}"#,
                #"{"id":2,"image":"\#(Data(try ServeFixture.jpeg()).base64EncodedString())","logits":true,"deadline_ms":1e6}"#,
            ], ["--ordered", "--policy", "last"])
        let policy = field(5, [1 << 3, 4, 3 << 3, 2])
        let input =
            framed(field(1, [1]) + field(2, field(3, tensor)) + policy + [8 << 3, 2, 9 << 3, 1])
            + framed(field(1, [2]) + field(2, field(1, try ServeFixture.jpeg())) + [9 << 3, 1] + double(6, 1e6))
        let messages = try responses(input, ["--policy", "last"])
        #expect(messages.count == 3)
        let ready = try #require(messages[0].pointer.pointee.ready).pointee
        #expect(UnsafeBufferPointer(start: ready.shape, count: ready.n_shape).map(Int.init) == [3, 32, 32])
        #expect(ready.n_classes == 10 && ready.n_macs == 5)
        for (index, message) in messages.dropFirst().enumerated() {
            let result = try #require(message.result)
            #expect(message.id == [UInt8(index + 1)])
            #expect(Int(result.exit) == json[index].integer("exit"))
            #expect(Int(result.label) == json[index].integer("label"))
            #expect(String(cString: result.class_name) == json[index].text("class"))
            #expect(Int(result.macs) == json[index].integer("macs"))
            #expect(Int(result.macs_saved) == json[index].integer("macs_saved"))
            // Foundation reads decimal digits to the last bit but one.
            #expect(abs(result.confidence - (try #require(json[index].number("confidence")))) < 1e-15)
            let logits = UnsafeBufferPointer(start: result.logits, count: result.n_logits).map { "\($0)" }
            #expect(logits == (json[index]["logits"] as? [Double])?.map { "\(Float($0))" })
            #expect(result.final != 0)
        }
        #expect(messages[1].result?.n_top == 2)
        #expect(messages[1].result?.lateness_case == MEXIT__SERVING__RESULT__LATENESS__NOT_SET)
        #expect(messages[2].result?.lateness_case == MEXIT__SERVING__RESULT__LATENESS_LATE)
        #expect(messages[2].result?.late == 0)
    }

    @Test func batchesAndOperations() throws {
        let good = field(1, field(3, tensor))
        let batch = field(3, good + field(1, field(1, [0, 0, 0])) + good + double(2, 1e12))
        let input =
            framed(field(1, [1]) + batch) + framed(field(1, [2]) + [4 << 3, 1]) + framed(field(1, [3]) + [4 << 3, 2])
            + framed(field(1, [4]) + [4 << 3, 3] + field(5, [1 << 3, 5, 4 << 3, 2])) + framed(field(1, [5]) + [4 << 3, 3])
            + framed(field(1, [6]) + [4 << 3, 3] + field(5, [1 << 3, 7, 7 << 3, 1])) + framed(field(1, [7]) + [4 << 3, 3])
        let messages = try responses(input)
        #expect(messages.map { $0.id } == [[], [1], [2], [3], [4], [5], [6], [7]])
        let answer = try #require(messages[1].pointer.pointee.batch).pointee
        #expect(answer.n_results == 3)
        #expect(answer.mode == MEXIT__SERVING__BATCH__MODE__EXACT)
        let results = UnsafeBufferPointer(start: answer.results, count: answer.n_results).compactMap { $0?.pointee }
        #expect(results[1].error.map { String(cString: $0.pointee.code) } == "bad_input")
        #expect(results[0].exit == 4 && results[0].label == results[2].label && results[0].error == nil)
        for (index, type) in [(2, "stats"), (3, "model")] {
            let text = String(cString: try #require(messages[index].pointer.pointee.json))
            #expect(try ServeFixture.object(text).text("type") == type)
        }
        #expect(messages[5].pointer.pointee.policy?.pointee.kind == MEXIT__SERVING__POLICY__KIND__PATIENCE)
        #expect(messages[5].pointer.pointee.policy?.pointee.product == 0)
        #expect(messages[7].pointer.pointee.policy?.pointee.product == 1)
    }

    @Test func malformedMessagesGetAnErrorAndTheServerGoesOn() throws {
        let good = framed(field(1, [7]) + field(2, field(3, tensor)))
        let corpus: [(bytes: [UInt8], code: String)] = [
            (framed([]), "bad_request"), (framed([0xFF, 0xFF]), "bad_json"), (framed(Array("{\"id\":1}".utf8)), "bad_json"),
            (framed([UInt8](repeating: 0x0A, count: 50)), "bad_json"), (framed(field(2, field(3, [1, 2]))), "bad_input"),
            (framed(field(2, field(1, Array(try ServeFixture.jpeg().prefix(600))))), "bad_input"), (framed(field(2, field(2, Array("a".utf8)))), "forbidden"),
            (framed(field(2, field(1, [UInt8](repeating: 0, count: 2_000_000)))), "too_large"),
            (framed(field(3, [UInt8](repeating: 0x0A, count: 2) + field(1, []))), "bad_json"),
            // Half a million empty samples in a megabyte.
            (framed(field(3, (0..<400_000).flatMap { _ in field(1, []) })), "too_large"),
            (framed(field(1, [UInt8](repeating: 1, count: 2000)) + field(2, field(3, tensor))), "too_large"),
        ]
        let messages = try responses(corpus.flatMap { $0.bytes + good }, ["--max-line", "1M"]).dropFirst()
        #expect(messages.count == 2 * corpus.count)
        for (index, message) in messages.enumerated() {
            if index % 2 == 0 {
                #expect(message.code == corpus[index / 2].code, "\(corpus[index / 2].bytes.prefix(20)): \(message.error.map { String(cString: $0.message) } ?? "no error")")
                #expect(message.error?.number == UInt64(index + 1))
            } else {
                #expect(message.result != nil && message.id == [7])
            }
        }
    }

    @Test func whatCannotBeCutEndsTheInput() throws {
        let good = framed(field(1, [7]) + field(2, field(3, tensor)))
        for bad in [Array(good.dropLast(10)), [0x80], [UInt8](repeating: 0xFF, count: 30)] {
            let messages = try responses(good + bad)
            #expect(messages.count == 3)
            #expect(messages[1].result != nil)
            #expect(messages.last?.code == "bad_json")
        }
    }
}
