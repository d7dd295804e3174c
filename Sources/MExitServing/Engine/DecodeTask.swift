import MExitRuntime

/// A parsed request whose pictures and tensors are still text.
enum DecodeTask: Sendable {
    case single(Source, ClassifyRequest, Ticket)
    case batch([Source], BatchRequest, Ticket)

    /// One decoding thread: until the queue is closed and empty.
    static func work(
        _ decoder: InputDecoder, from queue: WorkQueue<DecodeTask>, to inference: WorkQueue<PreparedRequest>, sink: any ResponseSink
    ) {
        while let task = queue.next() {
            switch task {
            case .single(let source, let request, let ticket):
                switch decode(source, decoder) {
                case .success(let input): inference.append(PreparedRequest(ticket: ticket, kind: .single(input, request)))
                case .failure(let error): sink.send(error, to: ticket)
                }
            case .batch(let sources, let request, let ticket):
                inference.append(PreparedRequest(ticket: ticket, kind: .batch(sources.map { decode($0, decoder) }, request)))
            }
        }
    }

    private static func decode(_ source: Source, _ decoder: InputDecoder) -> Result<Input, RequestError> {
        do {
            return .success(try decoder.decode(source))
        } catch {
            return .failure(error as? RequestError ?? RequestError(.internal, "\(error)"))
        }
    }
}
