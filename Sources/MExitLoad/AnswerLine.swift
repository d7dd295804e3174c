#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A line of the server, of which a few members are wanted. It is valid only while its bytes are.
///
/// Keys are given as they stand on the line, with quotes and colon. The server writes no blanks between tokens, and a newline
/// ends the line, so that a number ends before the bytes do.
struct AnswerLine {
    let bytes: UnsafeRawBufferPointer

    func integer(_ key: StaticString) -> Int? { number(key).flatMap { Int(exactly: $0) } }

    func number(_ key: StaticString) -> Double? {
        // Blanks and a newline, which `strtod` would pass over, are no number.
        guard let start = value(key), let first = byte(at: start), first == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return nil
        }
        return strtod(start.assumingMemoryBound(to: CChar.self), nil)
    }

    /// A text without escapes, as types and codes are.
    func text(_ key: StaticString) -> String? {
        guard let start = value(key), byte(at: start) == UInt8(ascii: "\"") else { return nil }
        let rest = UnsafeRawBufferPointer(start: start + 1, count: bytes.count - (start + 1 - (bytes.baseAddress ?? start)))
        return String(decoding: rest.prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
    }

    func holds(_ text: StaticString) -> Bool { value(text) != nil }

    /// nil at the end of the line.
    private func byte(at place: UnsafeRawPointer) -> UInt8? {
        bytes.baseAddress.map { place < $0 + bytes.count } == true ? place.load(as: UInt8.self) : nil
    }

    /// What stands behind a key; nil where the key does not.
    private func value(_ key: StaticString) -> UnsafeRawPointer? {
        guard let base = bytes.baseAddress else { return nil }
        let end = base + bytes.count
        return key.withUTF8Buffer { key in
            guard let first = key.first, let wanted = key.baseAddress else { return nil }
            var start = base
            while end - start >= key.count, let found = memchr(start, Int32(first), end - start).map({ UnsafeRawPointer($0) }), end - found >= key.count {
                if memcmp(found, wanted, key.count) == 0 { return found + key.count }
                start = found + 1
            }
            return nil
        }
    }
}
