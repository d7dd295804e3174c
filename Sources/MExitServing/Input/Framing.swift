#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How the input is cut into messages.
enum Framing: Sendable {
    /// A message is a line.
    case lines
    /// A message stands behind its length, a base-128 varint as in Protocol Buffers.
    case lengths
}

/// Cuts bytes into messages within a limit: a longer one goes by without being held.
struct MessageCutter {
    enum Piece: Equatable {
        case message([UInt8])
        /// A message over the limit has gone by.
        case tooLong(bytes: Int)
        /// What follows cannot be told apart any more.
        case lost(String)
    }

    private let framing: Framing
    private let maximum: Int
    /// The beginning of a message whose end has not come.
    private var partial: [UInt8] = []
    /// Bytes of an overlong message that have gone by; nil outside of one.
    private var skipped: Int?
    /// Of a message behind its length: bytes that are still to come; nil while the length is read.
    private var missing: Int?
    private var length: UInt64 = 0
    private var lengthBytes = 0

    /// - Parameter maximum: bytes of a message, without newline or length.
    init(_ framing: Framing, maximum: Int) {
        self.framing = framing
        self.maximum = maximum
    }

    /// Takes bytes from the front of `input` and gives the next piece; nil when `input` is used up and none is complete.
    mutating func next(_ input: inout UnsafeRawBufferPointer) -> Piece? {
        switch framing {
        case .lines: nextLine(&input)
        case .lengths: nextMessage(&input)
        }
    }

    /// What the end of the input leaves: a line may lack its newline, a message behind its length must be whole.
    mutating func end() -> Piece? {
        switch framing {
        case .lines: return partial.isEmpty && skipped == nil ? nil : finish()
        case .lengths:
            guard lengthBytes > 0 || missing != nil else { return nil }
            return .lost(
                missing.map { "the input ended inside a message, \($0) bytes before its end" } ?? "the input ended inside a message's length")
        }
    }

    private mutating func nextLine(_ input: inout UnsafeRawBufferPointer) -> Piece? {
        guard let base = input.baseAddress, !input.isEmpty else { return nil }
        let newline = memchr(base, 0x0A, input.count).map { UnsafeRawPointer($0) - base }
        take(newline ?? input.count, from: &input)
        guard newline != nil else { return nil }
        input = UnsafeRawBufferPointer(rebasing: input[1...])
        return finish()
    }

    private mutating func nextMessage(_ input: inout UnsafeRawBufferPointer) -> Piece? {
        while missing == nil {
            guard let byte = input.first else { return nil }
            input = UnsafeRawBufferPointer(rebasing: input[1...])
            // Ten bytes hold 64 bits; what has more, or does not fit an Int, is no length.
            guard lengthBytes < 9 else { return .lost("a message's length is no varint below 2^63") }
            length |= UInt64(byte & 0x7F) << UInt64(7 * lengthBytes)
            lengthBytes += 1
            if byte & 0x80 == 0 { missing = Int(length) }
        }
        guard let wanted = missing else { return nil }
        // Known beforehand, so nothing of an overlong message is ever held.
        if wanted > maximum, skipped == nil, partial.isEmpty { skipped = 0 }
        let count = min(wanted, input.count)
        take(count, from: &input)
        missing = wanted - count
        guard wanted == count else { return nil }
        missing = nil
        length = 0
        lengthBytes = 0
        return finish()
    }

    private mutating func take(_ count: Int, from input: inout UnsafeRawBufferPointer) {
        if let gone = skipped {
            skipped = gone + count
        } else if partial.count + count > maximum {
            skipped = partial.count + count
            partial = []
        } else {
            partial.append(contentsOf: input[..<count])
        }
        input = UnsafeRawBufferPointer(rebasing: input[count...])
    }

    private mutating func finish() -> Piece {
        if let gone = skipped {
            skipped = nil
            return .tooLong(bytes: gone)
        }
        defer { partial = [] }
        return .message(partial)
    }
}
