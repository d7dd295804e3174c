import Logging
import MExitParallel
import MExitRuntime

/// The reader's side: numbers messages, waits for room, parses, and passes on. Belongs to the reading thread.
///
/// Parsing stays here, in the order of the messages, so that a change of the default policy holds for exactly those behind
/// it. Tensors are decoded here too: that costs less than handing them to another thread. Pictures go to the decoders.
struct RequestFront {
    private let options: ServerOptions
    private let session: Session
    private let inputs: InputDecoder
    private let log: Logger
    private var generation: Generation
    private var decoder: any RequestDecoder
    private var policySource: PolicySource
    private var policy: CheckedPolicy
    private var messages = 0
    private var requests = 0
    /// A sample was handed over that no worker was woken for.
    private var holdsLoneSample = false
    /// So many samples are still to be left to the workers, because others came while this thread ran one.
    private var crowd = 0
    private static let crowdLength = 32

    /// - Throws: when the policy does not fit the model.
    init(_ session: Session, options: ServerOptions, inputs: InputDecoder, log: Logger) throws {
        self.session = session
        self.options = options
        self.inputs = inputs
        self.log = log
        generation = session.generation
        policySource = options.policy
        let model = generation.model.compiled
        policy = try CheckedPolicy(try options.policy(model), for: model)
        decoder = options.wire.decoder(for: model, limits: options.requestLimits(for: model))
    }

    /// Takes a message; waits while the server is full. Blank lines are passed over.
    ///
    /// - Returns: false when the server has stopped.
    mutating func accept(_ message: [UInt8]) -> Bool {
        messages += 1
        if options.wire == .ndjson, message.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return true }
        guard var ticket = admit(bytes: message.count) else { return false }
        // A model is retired only when the next one is there: this ends.
        repeat { followReload() } while !generation.announce()
        ticket.generation = generation
        let decoded = decoder.decode(message, policy: policy)
        ticket.id = decoded.id
        do {
            try pass(try decoded.request.get(), ticket)
        } catch {
            session.writer.send(error as? RequestError ?? RequestError(.internal, "\(error)"), to: ticket)
            generation.cancel()
        }
        return true
    }

    /// Everything that was read is answered.
    var isIdle: Bool { session.gate.requestsUnderWay == 0 }

    /// To be called before waiting for input: a lone sample that was handed over is run here, on the reading thread.
    ///
    /// - Parameter hasInput: whether more has come, asked before the answer goes out: then somebody had to wait for it to be read, and
    ///   the next samples are left to the workers, so that this thread reads. Asked later, it would count a client's next request.
    mutating func settle(hasInput: () -> Bool = { false }) {
        guard holdsLoneSample else { return }
        holdsLoneSample = false
        var isCrowded = false
        generation.runDelivered { isCrowded = isCrowded || hasInput() }
        if isCrowded { crowd = RequestFront.crowdLength }
    }

    /// Whether this thread may run a sample that it has just read, instead of waking a worker.
    private mutating func mayRunHere() -> Bool {
        if crowd > 0 {
            crowd -= 1
            return false
        }
        return generation.isQuick && session.gate.requestsUnderWay == 1
    }

    /// Leaves a lone sample to the workers after all: it is none any more.
    private mutating func handOver() {
        if holdsLoneSample { generation.wake() }
        holdsLoneSample = false
    }

    /// Answers for bytes that were no message that could be kept.
    mutating func refuse(_ error: RequestError) -> Bool {
        messages += 1
        guard let ticket = admit(bytes: 0) else { return false }
        session.writer.send(error, to: ticket)
        return true
    }

    private mutating func admit(bytes: Int) -> Ticket? {
        let received = MonotonicTime.now()
        // Waiting for room, while the one that was handed over waits for us, would be for ever; and who refuses others for
        // want of room has no time to run it.
        if holdsLoneSample, !session.gate.hasRoom(bytes: bytes) {
            if options.sheds { handOver() } else { settle() }
        }
        guard let room = session.gate.enter(bytes: bytes) else { return nil }
        session.statistics.recordRequest()
        requests += 1
        return Ticket(id: .none, generation: generation, sequence: requests - 1, line: messages, room: room, received: received)
    }

    /// Turns to the newest model. A default policy that a request has set stays if the model can have it.
    private mutating func followReload() {
        let newest = session.generation
        guard newest !== generation else { return }
        settle()
        generation = newest
        let model = newest.model.compiled
        decoder = options.wire.decoder(for: model, limits: options.requestLimits(for: model))
        do {
            policy = try CheckedPolicy(try policySource(model), for: model)
        } catch {
            log.warning("the default policy does not fit the new model; --policy holds again", metadata: ["reason": "\(error)"])
            policySource = options.policy
            // The reload has tried it already.
            if let fallback = try? CheckedPolicy(try options.policy(model), for: model) { policy = fallback }
        }
    }

    /// Hands a request on to its generation, to which it is announced, or answers it here.
    private mutating func pass(_ request: Request, _ ticket: Ticket) throws {
        switch request {
        // Operations are answered all the same: they cost nothing, and tell how full it is.
        case .classify where ticket.room.isRefusal, .batch where ticket.room.isRefusal:
            throw RequestError(.overloaded, "as many requests as --max-queue and --max-line allow are under way; send it again later, or slower")
        case .classify(let source, let request):
            let task = DecodeTask.single(source, request, ticket)
            if source.isTensor {
                // It may be the only one: then this thread runs it, in `settle()`.
                let isLone = mayRunHere()
                if !isLone { handOver() }
                task.run(inputs, sink: session.writer, wakes: isLone ? .nobody : .one)
                holdsLoneSample = isLone
            } else {
                session.decodeQueue.append(task)
            }
        case .batch(let sources, let request):
            session.decodeQueue.append(.batch(sources, request, ticket))
        case .stats:
            answer(.stats(session.snapshot()), ticket)
        case .model:
            answer(.model(description), ticket)
        case .policy(let source):
            if let source {
                policy = try CheckedPolicy(try source(generation.model.compiled), for: generation.model.compiled)
                policySource = source
            }
            answer(.policy(policy.policy), ticket)
        }
    }

    private func answer(_ response: Response, _ ticket: Ticket) {
        session.writer.send(response, to: ticket, isLast: true)
        ticket.generation.cancel()
    }

    /// What is served, as the ready message says it.
    var description: ServerDescription {
        ServerDescription(model: generation.model, policy: policy.policy, protocolName: options.wire.rawValue)
    }
}

extension Source {
    fileprivate var isTensor: Bool { if case .tensor = self { true } else { false } }
}
