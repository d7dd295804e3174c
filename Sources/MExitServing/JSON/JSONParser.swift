/// Bytes that are not one JSON value.
package struct JSONSyntaxError: Error, CustomStringConvertible {
    let message: String
    /// Offset of the byte where it was noticed, from 0.
    let offset: Int
    package var description: String { "\(message) at byte \(offset)" }
}

/// A strict parser (RFC 8259) of one value that fills its input, made for hostile input: depth and number of values are
/// bounded, a key may stand only once in an object, strings must be UTF-8 with whole surrogate pairs.
///
/// Complexity: O(n); texts are not copied.
package struct JSONParser {
    /// Arrays and objects within each other. The protocol itself needs four.
    static let maximumDepth = 32
    /// Values and members in all. Keeps the parsed form of a line of `[],[],...` within a small multiple of the line.
    static let maximumValues = 200_000

    private let bytes: [UInt8]
    private var position = 0
    private var values = 0

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// - Throws: ``JSONSyntaxError``.
    package static func parse(_ bytes: [UInt8]) throws -> JSON {
        var parser = JSONParser(bytes)
        parser.skipBlanks()
        let value = try parser.value(depth: 0)
        parser.skipBlanks()
        if parser.position < bytes.count { throw parser.error("something follows the value") }
        return value
    }

    private func error(_ message: String) -> JSONSyntaxError { JSONSyntaxError(message: message, offset: position) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipBlanks() {
        while let byte = current, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard current == byte else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws -> JSON {
        guard depth < JSONParser.maximumDepth else { throw error("values are nested over \(JSONParser.maximumDepth) deep") }
        values += 1
        guard values <= JSONParser.maximumValues else { throw error("there are over \(JSONParser.maximumValues) values") }
        guard let first = current else { throw error("the text ends where a value should stand") }
        switch first {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try text())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error("no JSON value begins like this")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSON) throws -> JSON {
        let matches = word.withUTF8Buffer { bytes[position...].starts(with: $0) }
        guard matches else { throw error("no JSON value begins like this") }
        position += word.utf8CodeUnitCount
        return value
    }

    private mutating func array(depth: Int) throws -> JSON {
        position += 1
        var elements: [JSON] = []
        skipBlanks()
        if take(UInt8(ascii: "]")) { return .array([]) }
        while true {
            skipBlanks()
            elements.append(try value(depth: depth + 1))
            skipBlanks()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw error(current == nil ? "the text ends inside an array" : "an array needs ',' or ']' here") }
        }
    }

    private mutating func object(depth: Int) throws -> JSON {
        position += 1
        var members: [JSONMember] = []
        var keys = Set<String>()
        skipBlanks()
        if take(UInt8(ascii: "}")) { return .object([]) }
        while true {
            skipBlanks()
            guard current == UInt8(ascii: "\"") else { throw error(current == nil ? "the text ends inside an object" : "an object needs a key here") }
            let key = try text().string
            guard keys.insert(key).inserted else { throw error("the key '\(key.prefix(64))' stands twice in an object") }
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw error(current == nil ? "the text ends inside an object" : "a key needs ':' behind it") }
            skipBlanks()
            members.append(JSONMember(key: key, value: try value(depth: depth + 1)))
            skipBlanks()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw error(current == nil ? "the text ends inside an object" : "an object needs ',' or '}' here") }
        }
    }

    private mutating func number() throws -> JSON {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits() }
        if take(UInt8(ascii: ".")) { try digits() }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            try digits()
        }
        return .number(bytes[start..<position])
    }

    private mutating func digits() throws {
        let start = position
        while let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        if position == start { throw error("a number needs a digit here") }
    }

    private mutating func text() throws -> JSONText {
        position += 1
        let start = position
        var hasEscapes = false
        var isASCII = true
        while true {
            position = endOfPlainBytes(from: position, isASCII: &isASCII)
            guard let byte = current else { throw error("the text ends inside a string") }
            if byte == UInt8(ascii: "\"") { break }
            guard byte == UInt8(ascii: "\\") else { throw error("a control character stands in a string; escape it") }
            hasEscapes = true
            try escape()
        }
        let raw = bytes[start..<position]
        if !isASCII, String(validating: raw, as: UTF8.self) == nil { throw error("the string before is not UTF-8") }
        position += 1
        return JSONText(raw: raw, hasEscapes: hasEscapes)
    }

    /// The hot loop: base64 texts have millions of plain bytes.
    private func endOfPlainBytes(from start: Int, isASCII: inout Bool) -> Int {
        bytes.withUnsafeBufferPointer { bytes in
            var index = start
            var union: UInt8 = 0
            // Eight bytes at a time while none of them is of interest: a borrow out of a byte below the limit sets its high bit
            // (Bit Twiddling Hacks, "determine if a word has a byte less than n").
            let ones: UInt64 = 0x0101_0101_0101_0101
            let highs: UInt64 = 0x8080_8080_8080_8080
            var words: UInt64 = 0
            let raw = UnsafeRawBufferPointer(bytes)
            while index &+ 8 <= bytes.count {
                let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                let quotes = word ^ (ones &* UInt64(UInt8(ascii: "\"")))
                let slashes = word ^ (ones &* UInt64(UInt8(ascii: "\\")))
                let control = (word &- ones &* 0x20) & ~word
                let found = (control | (quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes) & highs
                if found != 0 { break }
                words |= word
                index &+= 8
            }
            if words & highs != 0 { isASCII = false }
            while index < bytes.count {
                let byte = bytes[index]
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { break }
                union |= byte
                index &+= 1
            }
            if union >= 0x80 { isASCII = false }
            return index
        }
    }

    private mutating func escape() throws {
        position += 1
        switch current {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"),
            UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 1
        case UInt8(ascii: "u"):
            position += 1
            let unit = try codeUnit()
            if (0xDC00..<0xE000).contains(unit) { throw error("half a surrogate pair stands in a string") }
            if (0xD800..<0xDC00).contains(unit) {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")), (0xDC00..<0xE000).contains(try codeUnit()) else {
                    throw error("half a surrogate pair stands in a string")
                }
            }
        default:
            throw error("no escape is written like this")
        }
    }

    private mutating func codeUnit() throws -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = JSONText.digit(byte) else { throw error("\\u needs four hexadecimal digits") }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }
}
