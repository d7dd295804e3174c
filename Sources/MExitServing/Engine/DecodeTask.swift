import MExitParallel
import MExitRuntime

/// A parsed request whose pictures and tensors are still as they were sent.
enum DecodeTask: Sendable {
    case single(Source, ClassifyRequest, Ticket)
    case batch([Source], BatchRequest, Ticket)

    /// Decodes, and delivers to the ticket's generation or answers with the error.
    ///
    /// - Parameter wakes: which workers, see ``Generation/deliver(_:wakes:)``.
    func run(_ decoder: InputDecoder, sink: any ResponseSink, wakes: Wake = .all) {
        switch self {
        case .single(let source, let request, let ticket):
            switch DecodeTask.decode(source, decoder, ticket) {
            case .success(let input): ticket.generation.deliver(PreparedRequest(ticket: ticket, kind: .single(input, request)), wakes: wakes)
            case .failure(let error):
                sink.send(error, to: ticket)
                ticket.generation.cancel()
            }
        case .batch(let sources, let request, let ticket):
            let inputs = sources.map { DecodeTask.decode($0, decoder, ticket) }
            ticket.generation.deliver(PreparedRequest(ticket: ticket, kind: .batch(inputs, request)), wakes: wakes)
        }
    }

    private static func decode(_ source: Source, _ decoder: InputDecoder, _ ticket: Ticket) -> Result<Input, RequestError> {
        do {
            return .success(try decoder.decode(source, for: ticket.generation.model.compiled))
        } catch {
            return .failure(error as? RequestError ?? RequestError(.internal, "\(error)"))
        }
    }
}
