import MExitRuntime

/// Who gets an answer, and what the server needs to know of a request until then.
struct Ticket: Sendable {
    var id: RequestID
    /// Who answers it.
    var generation: Generation
    /// Position among all requests, from 0: the order of answers under `--ordered`.
    var sequence: Int
    /// Line of the input, from 1.
    var line: Int
    /// What it holds of the server's room.
    var room: AdmissionGate.Room
    /// When it was read.
    var received: Int64
}

/// A request whose inputs are decoded: ready for inference.
struct PreparedRequest: Sendable {
    enum Kind: Sendable {
        case single(Input, ClassifyRequest)
        /// Inputs that could not be decoded keep their error.
        case batch([Result<Input, RequestError>], BatchRequest)
    }

    var ticket: Ticket
    var kind: Kind
}

/// A response on its way out.
struct OutputItem: Sendable {
    var response: Response
    var ticket: Ticket
    /// No further response to this ticket follows.
    var isLast: Bool
}

/// Where answers go.
protocol ResponseSink: Sendable {
    /// - Parameter directly: the caller may write them itself, which is sooner than waking another thread.
    func send(_ items: [OutputItem], directly: Bool)
}

extension ResponseSink {
    func send(_ response: Response, to ticket: Ticket, isLast: Bool) {
        send([OutputItem(response: response, ticket: ticket, isLast: isLast)], directly: false)
    }

    func send(_ error: RequestError, to ticket: Ticket) { send(.error(error, line: ticket.line), to: ticket, isLast: true) }
}
