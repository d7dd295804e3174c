/// Base64 (RFC 4648, section 4), straight from the bytes of a line. Padding may be left out; anything else that is not
/// exact is refused, so that half a picture never decodes as a whole one.
enum Base64 {
    struct Failure: Error, CustomStringConvertible { let description: String }

    /// - Throws: ``Failure`` naming the first character that does not belong, or a length that cannot be.
    static func decode(_ text: ArraySlice<UInt8>) throws -> [UInt8] {
        try text.withUnsafeBufferPointer { text in
            var count = text.count
            if count % 4 == 0 {
                for _ in 0..<2 where count > 0 && text[count - 1] == UInt8(ascii: "=") { count -= 1 }
            }
            guard count % 4 != 1 else { throw Failure(description: "\(text.count) characters are no whole number of bytes; the text is cut") }
            return try [UInt8](unsafeUninitializedCapacity: count / 4 * 3 + 2) { out, filled in
                filled = try values.withUnsafeBufferPointer { try decode(text, count, into: out, $0) }
            }
        }
    }

    private static func decode(
        _ text: UnsafeBufferPointer<UInt8>, _ count: Int, into out: UnsafeMutableBufferPointer<UInt8>, _ values: UnsafeBufferPointer<UInt8>
    ) throws -> Int {
        var written = 0
        var index = 0
        while index + 4 <= count {
            let (a, b) = (values[Int(text[index])], values[Int(text[index &+ 1])])
            let (c, d) = (values[Int(text[index &+ 2])], values[Int(text[index &+ 3])])
            if (a | b | c | d) & 0x80 != 0 { throw failure(text, from: index, values) }
            out[written] = a << 2 | b >> 4
            out[written &+ 1] = b << 4 | c >> 2
            out[written &+ 2] = c << 6 | d
            written &+= 3
            index &+= 4
        }
        if index < count {
            // Two characters hold one byte, three hold two; the bits behind must be zero.
            let rest = (index..<count).map { values[Int(text[$0])] }
            if rest.contains(where: { $0 & 0x80 != 0 }) { throw failure(text, from: index, values) }
            guard rest.count == 2 ? rest[1] & 15 == 0 : rest[2] & 3 == 0 else {
                throw Failure(description: "the last character holds bits that belong to no byte; the text is cut")
            }
            out[written] = rest[0] << 2 | rest[1] >> 4
            written += 1
            if rest.count == 3 {
                out[written] = rest[1] << 4 | rest[2] >> 2
                written += 1
            }
        }
        return written
    }

    private static func failure(_ text: UnsafeBufferPointer<UInt8>, from start: Int, _ values: UnsafeBufferPointer<UInt8>) -> Failure {
        let index = (start..<text.count).first { values[Int(text[$0])] & 0x80 != 0 } ?? start
        return Failure(description: "byte \(text[index]) at character \(index) is none of A-Z a-z 0-9 + /")
    }

    /// 0 ..< 64, or 0xFF for what is not in the alphabet.
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, character) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() {
            table[Int(character)] = UInt8(value)
        }
        return table
    }()
}
