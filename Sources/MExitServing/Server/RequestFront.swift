import MExitRuntime

/// The reader's side: numbers lines, waits for room, parses, and passes on. Belongs to the reading thread.
///
/// Parsing stays here, in the order of the lines, so that a change of the default policy holds for exactly the lines behind
/// it; base64 and pictures are decoded elsewhere.
struct RequestFront {
    private let model: ServedModel
    private let decoder: NDJSONDecoder
    private let maximumLine: Int
    private let gate: AdmissionGate
    private let statistics: Statistics
    private let decodeQueue: WorkQueue<DecodeTask>
    private let sink: any ResponseSink
    private var policy: CheckedPolicy
    private var lines = 0
    private var requests = 0

    init(
        model: ServedModel, options: ServerOptions, policy: CheckedPolicy, gate: AdmissionGate, statistics: Statistics,
        decodeQueue: WorkQueue<DecodeTask>, sink: any ResponseSink
    ) {
        self.model = model
        self.policy = policy
        self.gate = gate
        self.statistics = statistics
        self.decodeQueue = decodeQueue
        self.sink = sink
        maximumLine = options.maximumLineBytes
        decoder = NDJSONDecoder(model: model.compiled, limits: options.requestLimits(for: model.compiled))
    }

    /// Takes a line; waits while the server is full. Blank lines are passed over.
    ///
    /// - Returns: false when the server has stopped.
    mutating func accept(_ line: [UInt8]) -> Bool {
        lines += 1
        if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return true }
        guard var ticket = admit(bytes: line.count) else { return false }
        let decoded = decoder.decode(line, policy: policy)
        ticket.id = decoded.id
        do {
            try pass(try decoded.request.get(), ticket)
        } catch {
            sink.send(error as? RequestError ?? RequestError(.internal, "\(error)"), to: ticket)
        }
        return true
    }

    /// Answers for a line that was too long to be kept.
    mutating func refuse(lineOfBytes bytes: Int) -> Bool {
        lines += 1
        guard let ticket = admit(bytes: 0) else { return false }
        sink.send(RequestError(.tooLarge, "the line has \(bytes) bytes; at most \(maximumLine) are read (--max-line)"), to: ticket)
        return true
    }

    private mutating func admit(bytes: Int) -> Ticket? {
        let received = MonotonicTime.now()
        guard let room = gate.enter(bytes: bytes) else { return nil }
        statistics.recordRequest()
        requests += 1
        return Ticket(id: .none, sequence: requests - 1, line: lines, room: room, received: received)
    }

    private mutating func pass(_ request: Request, _ ticket: Ticket) throws {
        switch request {
        // Operations are answered all the same: they cost nothing, and tell how full it is.
        case .classify where ticket.room.isRefusal, .batch where ticket.room.isRefusal:
            throw RequestError(.overloaded, "as many requests as --max-queue and --max-line allow are under way; send it again later, or slower")
        case .classify(let source, let request):
            decodeQueue.append(.single(source, request, ticket))
        case .batch(let sources, let request):
            decodeQueue.append(.batch(sources, request, ticket))
        case .stats:
            sink.send(.stats(statistics.snapshot(underWay: gate.requestsUnderWay)), to: ticket, isLast: true)
        case .model:
            sink.send(.model(ServerDescription(model: model, policy: policy.policy, protocolName: "ndjson")), to: ticket, isLast: true)
        case .policy(let new):
            if let new { policy = try CheckedPolicy(new, for: model.compiled) }
            sink.send(.policy(policy.policy), to: ticket, isLast: true)
        }
    }
}
