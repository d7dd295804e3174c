#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import DequeModule
import MExitParallel

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

        /// What whoever has nothing else to do may write, unless somebody writes already.
        mutating func takeDirectly() -> [OutputItem] {
            guard !isWriting, failure == nil, items.count <= OutputWriter.piece else { return [] }
            return take()
        }

        /// The next piece, for who then writes it.
        mutating func take() -> [OutputItem] {
            let piece = Array(items.prefix(OutputWriter.piece))
            items.removeFirst(piece.count)
            isWriting = !piece.isEmpty
            return piece
        }

        /// Whether the writing thread has something to do.
        var wake: Wake { failure != nil || !isWriting && (isClosed || !items.isEmpty) ? .all : .nobody }
    }

    /// What ended the writing.
    enum Outcome: Sendable {
        case finished
        /// Nobody reads any more.
        case closed
        case failed(SystemError)
    }

    /// Unchecked: only who has set `isWriting` touches it.
    private final class Encoder: @unchecked Sendable {
        var value: any ResponseEncoder
        init(_ value: any ResponseEncoder) { self.value = value }
    }

    /// Responses that are encoded together: the first of many does not wait for the encoding of all.
    private static let piece = 64
    /// What a pipe takes at once when it takes anything (PIPE_BUF on Linux).
    private static let directBytes = 4096
    /// Pieces that a thread writes which has other work.
    private static let directPieces = 4

    private let state = Monitor(State())
    private let descriptor: Int32
    private let isOrdered: Bool
    private let statistics: Statistics
    private let encoder: Encoder
    /// Called behind the last response of requests, when they are written.
    private let onWritten: @Sendable ([OutputItem]) -> Void

    /// - Parameter onWritten: gets what has been written.
    init(
        descriptor: Int32, options: ServerOptions, statistics: Statistics, onWritten: @escaping @Sendable ([OutputItem]) -> Void
    ) {
        self.descriptor = descriptor
        isOrdered = options.isOrdered
        encoder = Encoder(options.wire.encoder())
        self.statistics = statistics
        self.onWritten = onWritten
    }

    func send(_ items: [OutputItem], directly: Bool) {
        for item in items { if case .error(let error, _) = item.response { statistics.recordError(error.code) } }
        let own = state.change(wakes: \.wake) { state -> [OutputItem] in
            for item in items { state.append(item, isOrdered: isOrdered) }
            return directly ? state.takeDirectly() : []
        }
        if !own.isEmpty { writeDirectly(own) }
    }

    /// Writes what the caller has taken, and what came meanwhile, or puts it back for the writing thread.
    private func writeDirectly(_ taken: [OutputItem]) {
        var items = taken
        // Not for ever: the caller has other work too.
        for _ in 0..<OutputWriter.directPieces {
            encode(items)
            var outcome: Outcome?
            if encoder.value.bytes.count <= OutputWriter.directBytes, takesBytes() {
                outcome = write(encoder.value.bytes)
                if case .finished? = outcome { onWritten(items) }
            }
            items = state.change(wakes: \.wake) { state in
                state.isWriting = false
                switch outcome {
                case .finished?: return state.takeDirectly()
                case nil: for item in items.reversed() { state.items.prepend(item) }
                case let failure?: state.failure = failure
                }
                return []
            }
            if items.isEmpty { return }
        }
        state.change(wakes: \.wake) { state in
            state.isWriting = false
            for item in items.reversed() { state.items.prepend(item) }
        }
    }

    /// No more responses come; ``run()`` returns when all are written.
    func close() { state.change { $0.isClosed = true } }

    /// Writes the ready message, before anything else is sent.
    func write(ready description: ServerDescription) -> Outcome {
        encoder.value.append(.ready(description), id: .none, model: description.model.compiled)
        return write(encoder.value.bytes)
    }

    /// Runs until ``close()`` and everything is written, or the output fails.
    func run() -> Outcome {
        while true {
            let (items, failure) = state.wait { state -> ([OutputItem], Outcome?)? in
                if let failure = state.failure { return ([], failure) }
                guard !state.isWriting, !state.items.isEmpty || state.isClosed else { return nil }
                return (state.take(), nil)
            }
            if let failure { return failure }
            if items.isEmpty { return .finished }
            encode(items)
            let outcome = write(encoder.value.bytes)
            guard case .finished = outcome else { return outcome }
            onWritten(items)
            state.withLock { $0.isWriting = false }
        }
    }

    private func encode(_ items: [OutputItem]) {
        encoder.value.removeAll()
        for item in items { encoder.value.append(item.response, id: item.ticket.id, model: item.ticket.generation.model.compiled) }
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
