import Foundation
import Testing
import _MExitTestSupport

@testable import MExitServing

@Suite struct JSONParserTests {
    /// The parsed value as Foundation would give it.
    private func plain(_ json: JSON) -> Any {
        switch json {
        case .null: return NSNull()
        case .bool(let value): return value
        case .number(let digits): return Double(String(decoding: digits, as: UTF8.self)) ?? .nan
        case .string(let text): return text.string
        case .array(let elements): return elements.map(plain)
        case .object(let members): return Dictionary(uniqueKeysWithValues: members.map { ($0.key, plain($0.value)) })
        }
    }

    @Test(arguments: [
        "null", " true ", "false", "0", "-7", "12.5e-3", "1E+2", #""""#, #""a\"\\\/\b\f\n\r\tz""#, #""\u00e9\u20AC\ud83d\ude00""#, #""é€😀""#,
        "[]", "[ ]", "[1,2,[3,[]]]", "{}", #"{ "a" : 1 , "b":[{"c":null}] }"#, #"{"":{"":""}}"#, "[[[[[[[[[[]]]]]]]]]]", "\t[\r\n1\n]\n",
    ])
    func agreesWithFoundation(text: String) throws {
        let expected = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
        let actual = plain(try JSONParser.parse(Array(text.utf8)))
        #expect(try canonical(actual) == canonical(expected))
    }

    /// Two values are the same when Foundation writes them alike.
    private func canonical(_ value: Any) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: [value], options: .sortedKeys), as: UTF8.self)
    }

    @Test(arguments: [
        "", " ", "nul", "truee", "01", "-", "1.", ".5", "1e", "+1", "NaN", "1 2", "[", "[1", "[1,", "[1,]", "[,1]", "{", #"{"a""#, #"{"a":"#, #"{"a":1"#,
        #"{"a":1,}"#, "{a:1}", #"{"a" 1}"#, #"{"a":1 "b":2}"#, #"{"a":1,"a":2}"#, #"{"a":1,"\u0061":2}"#, #"""#, #""\"#, #""\u12""#, #""\u12g4""#,
        #""\ud800""#, #""\ud800\u0041""#, #""\udc00""#, #""\q""#, "\"a\nb\"", "\"\u{0}\"", "'a'", "// x", "\u{FEFF}1",
    ])
    func refusesWhatIsNotJSON(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(text.utf8)) }
    }

    @Test func refusesBytesThatAreNotUTF8() {
        for bytes: [UInt8] in [[0xFF], [0x22, 0xC3, 0x28, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22]] {
            #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(bytes) }
        }
    }

    @Test func boundsDepthAndNumberOfValues() throws {
        let deepest = JSONParser.maximumDepth
        _ = try JSONParser.parse(Array((String(repeating: "[", count: deepest) + String(repeating: "]", count: deepest)).utf8))
        #expect(throws: JSONSyntaxError.self) {
            try JSONParser.parse(Array((String(repeating: "[", count: deepest + 1) + String(repeating: "]", count: deepest + 1)).utf8))
        }
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(repeating: UInt8(ascii: "["), count: 1 << 20)) }
        let many = "[" + String(repeating: "0,", count: JSONParser.maximumValues) + "0]"
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(Array(many.utf8)) }
    }

    /// Every prefix and every one-byte change of a request either parses or throws: nothing traps.
    @Test func survivesEveryCutAndEveryChangedByte() {
        let line = Array(#"{"id":"a\u00e9\ud83d\ude00","image":"AAAA","policy":{"kind":"confidence","thresholds":[0.5,-1e-3]},"x":[true,null]}"#.utf8)
        var parsed = 0
        for end in line.indices where (try? JSONParser.parse(Array(line[..<end]))) != nil { parsed += 1 }
        #expect(parsed == 0)
        var generator = SeededGenerator(seed: 1)
        for index in line.indices {
            for _ in 0..<8 {
                var changed = line
                changed[index] = UInt8.random(in: 0...255, using: &generator)
                if (try? JSONParser.parse(changed)) != nil { parsed += 1 }
            }
        }
        #expect(parsed > 0)
    }

    @Test func writerAndParserAgree() throws {
        var writer = JSONWriter()
        let texts = ["", "a\"b\\c/d", "\u{0}\u{1}\u{1F}\u{7F}\n\r\t", "é€😀"]
        writer.object { writer in
            writer.key("texts")
            writer.array(texts) { $0.string($1) }
            writer.member("third", 1.0 / 3)
            writer.member("whole", 3.0)
            writer.member("tiny", Double.leastNonzeroMagnitude)
            writer.member("infinite", Double.infinity)
            writer.key("empty")
            writer.object { _ in }
        }
        let value = try #require(try JSONSerialization.jsonObject(with: Data(writer.bytes)) as? [String: Any])
        #expect(value["texts"] as? [String] == texts)
        #expect(value["third"] as? Double == 1.0 / 3)
        #expect(value["tiny"] as? Double == Double.leastNonzeroMagnitude)
        #expect(value["infinite"] is NSNull)
        #expect(String(decoding: writer.bytes, as: UTF8.self).contains(#""whole":3,"#))
        _ = try JSONParser.parse(writer.bytes)
    }
}

@Suite struct Base64Tests {
    @Test func agreesWithFoundation() throws {
        var generator = SeededGenerator(seed: 9)
        for count in 0..<100 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = Data(bytes).base64EncodedString()
            #expect(try Base64.decode(Array(text.utf8)[...]) == bytes)
            let unpadded = text.replacingOccurrences(of: "=", with: "")
            #expect(try Base64.decode(Array(unpadded.utf8)[...]) == bytes)
        }
    }

    @Test(arguments: ["A", "AAAAA", "AA=", "====", "A===", "AB", "AAB", "AA AA", "AA\nAA", "AA-_", "=AAA", "AA==AAAA", "é"])
    func refusesWhatIsNotExact(text: String) {
        #expect(throws: Base64.Failure.self) { try Base64.decode(Array(text.utf8)[...]) }
    }
}
