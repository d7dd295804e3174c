/// Writes JSON text, compact, keys in the order they are given.
///
/// Numbers are the shortest decimal that reads back the same; a number that is not finite cannot be written in JSON and
/// becomes `null`.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    /// Whether a comma is due before the next element.
    private var needsComma = false

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        needsComma = false
    }

    /// `{ ... }`
    mutating func object(_ body: (inout JSONWriter) -> Void) { bracketed("{", "}", body) }

    /// `[ ... ]`
    mutating func array(_ body: (inout JSONWriter) -> Void) { bracketed("[", "]", body) }

    mutating func array<Elements: Sequence>(_ elements: Elements, _ body: (inout JSONWriter, Elements.Element) -> Void) {
        array { writer in for element in elements { body(&writer, element) } }
    }

    /// The key of the next value, inside an object.
    mutating func key(_ key: String) {
        string(key)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    mutating func null() { raw("null".utf8) }
    mutating func bool(_ value: Bool) { raw((value ? "true" : "false").utf8) }
    mutating func number(_ value: Int) { raw(String(value).utf8) }
    mutating func number(_ value: Double) { value.isFinite ? raw(trimmed("\(value)").utf8) : null() }
    mutating func number(_ value: Float) { value.isFinite ? raw(trimmed("\(value)").utf8) : null() }

    mutating func string(_ text: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x0A: bytes += "\\n".utf8
            case 0x0D: bytes += "\\r".utf8
            case 0x09: bytes += "\\t".utf8
            case 0..<0x20, 0x7F: bytes += (byte < 16 ? "\\u000" : "\\u00").utf8; bytes += String(byte, radix: 16).utf8
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
        needsComma = true
    }

    /// A value that is JSON already.
    mutating func raw(_ json: some Sequence<UInt8>) {
        separate()
        bytes.append(contentsOf: json)
        needsComma = true
    }

    /// Ends a line.
    mutating func newline() {
        bytes.append(0x0A)
        needsComma = false
    }

    private mutating func bracketed(_ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONWriter) -> Void) {
        separate()
        bytes.append(UInt8(ascii: open))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: close))
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
    }

    /// `3.0` as `3`: both are the same JSON number.
    private func trimmed(_ text: String) -> Substring { text.hasSuffix(".0") ? text.dropLast(2) : text[...] }
}

extension JSONWriter {
    mutating func member(_ key: String, _ value: String) { self.key(key); string(value) }
    mutating func member(_ key: String, _ value: Int) { self.key(key); number(value) }
    mutating func member(_ key: String, _ value: Double) { self.key(key); number(value) }
    mutating func member(_ key: String, _ value: Bool) { self.key(key); bool(value) }
    /// Milliseconds of a duration in nanoseconds, to the microsecond.
    mutating func member(_ key: String, milliseconds nanoseconds: Int64) {
        self.key(key)
        number((Double(nanoseconds) / 1000).rounded() / 1000)
    }
}
