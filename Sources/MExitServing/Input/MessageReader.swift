#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Reads messages from a file descriptor.
///
/// Belongs to one thread. Waits for input, for ``WakeUp`` and for the fall of the output at once.
struct MessageReader {
    enum Event: Equatable {
        case message([UInt8])
        /// A message over the limit has gone by.
        case tooLong(bytes: Int)
        /// The input is no longer messages; nothing more is read.
        case lost(String)
        case endOfInput
        /// The wake-up rang; messages that were read whole have been given out before.
        case stopped
        /// Nobody reads the output any more.
        case outputClosed
    }

    private let descriptor: Int32
    private let output: Int32
    private let wakeUp: WakeUp
    private var cutter: MessageCutter
    private var chunk = [UInt8](repeating: 0, count: 1 << 16)
    /// The part of the chunk that is not yet given out.
    private var fresh = 0..<0
    private var hasEnded = false
    /// - Parameters:
    ///   - output: a descriptor whose closing ends the reading, or -1.
    ///   - maximum: bytes of a message, without newline or length.
    init(descriptor: Int32, output: Int32 = -1, wakeUp: WakeUp, framing: Framing, maximum: Int) {
        self.descriptor = descriptor
        self.output = output
        self.wakeUp = wakeUp
        cutter = MessageCutter(framing, maximum: maximum)
    }

    /// Whether more has come, without waiting. One system call.
    func hasInput() -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, 0) == 1 && polled.revents & Int16(POLLIN) != 0
    }

    /// The next message that is there already; nil when the input would have to be asked.
    mutating func buffered() -> Event? { hasEnded ? nil : takePiece().map { event($0) } }

    /// The next message or the end.
    ///
    /// - Parameter spin: nanoseconds to look again and again before sleeping. A thread that sleeps is woken in some tens of
    ///   microseconds on virtual machines, which is long beside a small network.
    /// - Throws: ``SystemError`` when the input cannot be read.
    mutating func next(spin: Int64 = 0) throws -> Event {
        while !hasEnded {
            if let piece = takePiece() { return event(piece) }
            if let event = try waitForInput(spin: spin) { return event }
            guard let count = try fill(), count == 0 else { continue }
            hasEnded = true
            if let piece = cutter.end() { return event(piece) }
        }
        return .endOfInput
    }

    private mutating func event(_ piece: MessageCutter.Piece) -> Event {
        switch piece {
        case .message(let bytes): return .message(bytes)
        case .tooLong(let bytes): return .tooLong(bytes: bytes)
        case .lost(let reason):
            hasEnded = true
            return .lost(reason)
        }
    }

    private mutating func takePiece() -> MessageCutter.Piece? {
        guard !fresh.isEmpty else { return nil }
        return chunk.withUnsafeBytes { bytes in
            var input = UnsafeRawBufferPointer(rebasing: bytes[fresh])
            let piece = cutter.next(&input)
            fresh = fresh.upperBound - input.count..<fresh.upperBound
            return piece
        }
    }

    /// Waits until there is something to read (nil) or a reason not to.
    private mutating func waitForInput(spin: Int64) throws -> Event? {
        let end = spin > 0 ? MonotonicTime.now() + spin : 0
        var waits = false
        while true {
            // No events are asked of the output: its errors and hang-ups are reported all the same.
            var polled = (
                pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: output, events: 0, revents: 0)
            )
            let count = withUnsafeMutableBytes(of: &polled) { poll($0.assumingMemoryBound(to: pollfd.self).baseAddress, 3, waits ? -1 : 0) }
            if count < 0, errno != EINTR { throw SystemError("wait for input") }
            if count > 0 {
                if polled.0.revents != 0 { return .stopped }
                if polled.2.revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 { return .outputClosed }
                if polled.1.revents != 0 { return nil }
            }
            waits = spin == 0 || MonotonicTime.now() >= end
        }
    }

    /// Reads once; 0 at the end of the input, nil when there is nothing to read after all.
    private mutating func fill() throws -> Int? {
        let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        guard count >= 0 else {
            if errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK { return nil }
            throw SystemError("read the input")
        }
        fresh = 0..<count
        return count
    }
}
