#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import DequeModule

/// Writes responses to a file descriptor from its own thread, everything that is there with one system call: response by
/// response when it keeps up, in larger pieces when it does not.
final class OutputWriter: ResponseSink {
    private struct Item {
        var response: Response
        var ticket: Ticket
        var isLast: Bool
    }

    private struct State {
        var items = Deque<Item>()
        var isClosed = false
        /// Under `--ordered`: the request whose turn it is, and what waits for its turn.
        var turn = 0
        var early: [Int: [Item]] = [:]

        /// The request whose turn it was is complete: what waited behind it moves up.
        mutating func advance() {
            turn += 1
            while let waiting = early.removeValue(forKey: turn) {
                items.append(contentsOf: waiting)
                guard waiting.last?.isLast == true else { return }
                turn += 1
            }
        }
    }

    private let state = Monitor(State())
    private let descriptor: Int32
    private let isOrdered: Bool
    private let server: ServedModel
    private let statistics: Statistics
    /// Called behind the last line of a request, when it is written.
    private let onWritten: @Sendable (Ticket) -> Void

    init(descriptor: Int32, isOrdered: Bool, server: ServedModel, statistics: Statistics, onWritten: @escaping @Sendable (Ticket) -> Void) {
        self.descriptor = descriptor
        self.isOrdered = isOrdered
        self.server = server
        self.statistics = statistics
        self.onWritten = onWritten
    }

    func send(_ response: Response, to ticket: Ticket, isLast: Bool) {
        if case .error(let error, _) = response { statistics.recordError(error.code) }
        let item = Item(response: response, ticket: ticket, isLast: isLast)
        state.change { state in
            guard isOrdered, ticket.sequence != state.turn else {
                state.items.append(item)
                if isOrdered, isLast { state.advance() }
                return
            }
            state.early[ticket.sequence, default: []].append(item)
        }
    }

    /// No more responses come; ``run()`` returns when all are written.
    func close() { state.change { $0.isClosed = true } }

    /// What ended the writing.
    enum Outcome: Sendable {
        case finished
        /// Nobody reads any more.
        case closed
        case failed(SystemError)
    }

    /// Writes the ready line.
    func write(ready description: ServerDescription) -> Outcome {
        var encoder = NDJSONEncoder(model: server.compiled)
        encoder.append(.ready(description), id: .none)
        return write(encoder.writer.bytes)
    }

    /// Runs until ``close()`` and everything is written, or the output fails.
    func run() -> Outcome {
        var encoder = NDJSONEncoder(model: server.compiled)
        while true {
            let items = state.wait { state -> [Item]? in
                guard !state.items.isEmpty || state.isClosed else { return nil }
                // A bounded piece, so that the first of many answers does not wait for the encoding of all.
                let piece = Array(state.items.prefix(64))
                state.items.removeFirst(piece.count)
                return piece
            }
            if items.isEmpty { return .finished }
            encoder.removeAll()
            for item in items { encoder.append(item.response, id: item.ticket.id) }
            let outcome = write(encoder.writer.bytes)
            guard case .finished = outcome else { return outcome }
            for item in items where item.isLast { onWritten(item.ticket) }
        }
    }

    private func write(_ bytes: [UInt8]) -> Outcome {
        bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                #if canImport(Glibc)
                    let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                #elseif canImport(Musl)
                    let count = Musl.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                #else
                    let count = Darwin.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                #endif
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
