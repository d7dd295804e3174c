/// A parsed JSON value. Texts and numbers stay ranges of the line they came from: a photograph in base64 is not copied.
///
/// Why not a library: Foundation's parsers accept an object that names a key twice, lose how an id was written, build a
/// Swift string of every base64 text, and their limits on nesting are their own.
package indirect enum JSON: Sendable {
    case null
    case bool(Bool)
    /// The number as it is written, for example `1.50` or `1e999`.
    case number(ArraySlice<UInt8>)
    case string(JSONText)
    case array([JSON])
    case object([JSONMember])

    /// What the value is, for error messages.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// A member of an object.
package struct JSONMember: Sendable {
    package var key: String
    package var value: JSON
}

/// The inside of a string, between its quotes, known to be valid UTF-8 with valid escapes.
package struct JSONText: Sendable {
    let raw: ArraySlice<UInt8>
    let hasEscapes: Bool

    /// The bytes of the text; without escapes these are the line's own bytes. Complexity: O(1) then, else O(n).
    var bytes: ArraySlice<UInt8> {
        guard hasEscapes else { return raw }
        var out: [UInt8] = []
        out.reserveCapacity(raw.count)
        var index = raw.startIndex
        while index < raw.endIndex {
            let byte = raw[index]
            index += 1
            if byte != UInt8(ascii: "\\") {
                out.append(byte)
                continue
            }
            // The parser has checked that every escape is whole.
            let escape = raw[index]
            index += 1
            guard escape == UInt8(ascii: "u") else {
                out.append(JSONText.unescaped(escape))
                continue
            }
            var unit = hexadecimal(at: index)
            index += 4
            if (0xD800..<0xDC00).contains(unit) {
                unit = 0x10000 + ((unit - 0xD800) << 10) + (hexadecimal(at: index + 2) - 0xDC00)
                index += 6
            }
            out.append(contentsOf: String(Unicode.Scalar(unit) ?? "\u{FFFD}").utf8)
        }
        return out[...]
    }

    package var string: String { String(decoding: bytes, as: UTF8.self) }

    private func hexadecimal(at index: Int) -> UInt32 {
        raw[index..<index + 4].reduce(0) { $0 << 4 | UInt32(JSONText.digit($1) ?? 0) }
    }

    /// The value of a hexadecimal digit.
    static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    private static func unescaped(_ escape: UInt8) -> UInt8 {
        switch escape {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: escape  // " \ /
        }
    }
}
