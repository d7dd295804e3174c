#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import DequeModule

/// Writes responses to a file descriptor from its own thread, everything that is there with one system call: response by
/// response when it keeps up, in larger pieces when it does not. A thread that has nothing else to do writes its responses
/// itself, if nobody is writing and the output takes them at once.
final class OutputWriter: ResponseSink {
    private struct State {
        var items = Deque<OutputItem>()
        var isClosed = false
        /// Somebody encodes and writes, without the lock.
        var isWriting = false
        /// Why a direct write failed; the writing thread tells.
        var failure: Outcome?
        /// Under `--ordered`: the request whose turn it is, and what waits for its turn.
        var turn = 0
        var early: [Int: [OutputItem]] = [:]

        mutating func append(_ item: OutputItem, isOrdered: Bool) {
            guard isOrdered else { return items.append(item) }
            guard item.ticket.sequence == turn else { return early[item.ticket.sequence, default: []].append(item) }
            items.append(item)
            if item.isLast { advance() }
        }

        /// The request whose turn it was is complete: what waited behind it moves up.
        private mutating func advance() {
            turn += 1
            while let waiting = early.removeValue(forKey: turn) {
                items.append(contentsOf: waiting)
                guard waiting.last?.isLast == true else { return }
                turn += 1
            }
        }

        mutating func take(atMost count: Int) -> [OutputItem] {
            let piece = Array(items.prefix(count))
            items.removeFirst(piece.count)
            return piece
        }
    }

    /// What ended the writing.
    enum Outcome: Sendable {
        case finished
        /// Nobody reads any more.
        case closed
        case failed(SystemError)
    }

    /// Responses that are encoded together: the first of many does not wait for the encoding of all.
    private static let piece = 64
    /// What a pipe takes at once when it takes anything (PIPE_BUF on Linux).
    private static let directBytes = 4096

    private let state = Monitor(State())
    private let descriptor: Int32
    private let isOrdered: Bool
    private let wire: WireProtocol
    private let statistics: Statistics
    /// Called behind the last response of requests, when they are written.
    private let onWritten: @Sendable ([OutputItem]) -> Void

    /// - Parameter onWritten: gets what has been written.
    init(
        descriptor: Int32, options: ServerOptions, statistics: Statistics, onWritten: @escaping @Sendable ([OutputItem]) -> Void
    ) {
        self.descriptor = descriptor
        isOrdered = options.isOrdered
        wire = options.wire
        self.statistics = statistics
        self.onWritten = onWritten
    }

    func send(_ items: [OutputItem], directly: Bool) {
        for item in items { if case .error(let error, _) = item.response { statistics.recordError(error.code) } }
        let own = state.change(wakes: { !$0.isWriting }) { state -> [OutputItem] in
            for item in items { state.append(item, isOrdered: isOrdered) }
            guard directly, !state.isWriting, state.failure == nil, state.items.count <= OutputWriter.piece else { return [] }
            state.isWriting = !state.items.isEmpty
            return state.take(atMost: OutputWriter.piece)
        }
        if !own.isEmpty { writeDirectly(own) }
    }

    /// Writes what the caller has taken, or puts it back for the writing thread.
    private func writeDirectly(_ items: [OutputItem]) {
        var encoder = wire.encoder()
        encode(items, &encoder)
        var outcome: Outcome?
        if encoder.bytes.count <= OutputWriter.directBytes, takesBytes() {
            outcome = write(encoder.bytes)
            if case .finished? = outcome { onWritten(items) }
        }
        state.change { state in
            state.isWriting = false
            switch outcome {
            case .finished?: break
            case nil: for item in items.reversed() { state.items.prepend(item) }
            case let failure?: state.failure = failure
            }
        }
    }

    /// No more responses come; ``run()`` returns when all are written.
    func close() { state.change { $0.isClosed = true } }

    /// Writes the ready message.
    func write(ready description: ServerDescription) -> Outcome {
        var encoder = wire.encoder()
        encoder.append(.ready(description), id: .none, model: description.model.compiled)
        return write(encoder.bytes)
    }

    /// Runs until ``close()`` and everything is written, or the output fails.
    func run() -> Outcome {
        var encoder = wire.encoder()
        while true {
            let (items, failure) = state.wait { state -> ([OutputItem], Outcome?)? in
                if let failure = state.failure { return ([], failure) }
                guard !state.isWriting, !state.items.isEmpty || state.isClosed else { return nil }
                state.isWriting = !state.items.isEmpty
                return (state.take(atMost: OutputWriter.piece), nil)
            }
            if let failure { return failure }
            if items.isEmpty { return .finished }
            encoder.removeAll()
            encode(items, &encoder)
            let outcome = write(encoder.bytes)
            guard case .finished = outcome else { return outcome }
            onWritten(items)
            state.withLock { $0.isWriting = false }
        }
    }

    private func encode(_ items: [OutputItem], _ encoder: inout any ResponseEncoder) {
        for item in items { encoder.append(item.response, id: item.ticket.id, model: item.ticket.generation.model.compiled) }
    }

    /// Whether the output takes bytes without waiting.
    private func takesBytes() -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return poll(&polled, 1, 0) == 1 && polled.revents & Int16(POLLOUT) != 0
    }

    private func write(_ bytes: [UInt8]) -> Outcome {
        bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = systemWrite(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                if count >= 0 {
                    done += count
                    continue
                }
                switch errno {
                case EINTR: continue
                case EPIPE, ECONNRESET: return .closed
                case EAGAIN:
                    var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&polled, 1, -1)
                default: return .failed(SystemError("write to the output"))
                }
            }
            return .finished
        }
    }
}

/// `write` of the system, which the method of that name would hide.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(descriptor, bytes, count) }
