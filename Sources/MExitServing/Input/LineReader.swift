#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Splits what a file descriptor gives into lines, within a limit: a longer line is skipped without being held.
///
/// Belongs to one thread. Waits for input, for ``WakeUp`` and for the fall of the output at once.
struct LineReader {
    enum Event: Equatable {
        /// A line without its newline; the last one of the input may have had none.
        case line([UInt8])
        /// A line over the limit has gone by, up to its newline.
        case tooLong(bytes: Int)
        case endOfInput
        /// The wake-up rang; lines that were read whole have been given out before.
        case stopped
        /// Nobody reads the output any more.
        case outputClosed
    }

    private let descriptor: Int32
    private let output: Int32
    private let wakeUp: WakeUp
    private let maximumLine: Int
    private var chunk = [UInt8](repeating: 0, count: 1 << 16)
    /// The part of the chunk that is not yet given out.
    private var fresh = 0..<0
    /// The beginning of a line whose newline has not come.
    private var partial: [UInt8] = []
    /// Bytes of an overlong line that have gone by; nil outside of one.
    private var skipped: Int?

    /// - Parameters:
    ///   - output: a descriptor whose closing ends the reading, or -1.
    ///   - maximumLine: bytes, the newline not counted.
    init(descriptor: Int32, output: Int32 = -1, wakeUp: WakeUp, maximumLine: Int) {
        self.descriptor = descriptor
        self.output = output
        self.wakeUp = wakeUp
        self.maximumLine = maximumLine
    }

    /// The next line or the end.
    ///
    /// - Throws: ``SystemError`` when the input cannot be read.
    mutating func next() throws -> Event {
        while true {
            if let event = takeLine() { return event }
            if let event = try waitForInput() { return event }
            if let count = try fill(), count == 0 { return lastLine() }
        }
    }

    /// A whole line of what has been read; keeps the rest of the chunk as the beginning of the next.
    private mutating func takeLine() -> Event? {
        guard !fresh.isEmpty else { return nil }
        let newline = chunk.withUnsafeBufferPointer { bytes in bytes[fresh].firstIndex(of: 0x0A) }
        let piece = fresh.lowerBound..<(newline ?? fresh.upperBound)
        fresh = min(piece.upperBound + 1, fresh.upperBound)..<fresh.upperBound
        if let gone = skipped {
            skipped = gone + piece.count
        } else if partial.count + piece.count > maximumLine {
            skipped = partial.count + piece.count
            partial = []
        } else {
            partial.append(contentsOf: chunk[piece])
        }
        return newline == nil ? nil : finishLine()
    }

    private mutating func finishLine() -> Event {
        if let gone = skipped {
            skipped = nil
            return .tooLong(bytes: gone)
        }
        let line = partial
        partial = []
        return .line(line)
    }

    private mutating func lastLine() -> Event {
        partial.isEmpty && skipped == nil ? .endOfInput : finishLine()
    }

    /// Waits until there is something to read (nil) or a reason not to.
    private func waitForInput() throws -> Event? {
        while true {
            // No events are asked of the output: its errors and hang-ups are reported all the same.
            var polled = [
                pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: output, events: 0, revents: 0),
            ]
            if poll(&polled, nfds_t(polled.count), -1) < 0 {
                if errno == EINTR { continue }
                throw SystemError("wait for input")
            }
            if polled[0].revents != 0 { return .stopped }
            if polled[2].revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 { return .outputClosed }
            if polled[1].revents != 0 { return nil }
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
