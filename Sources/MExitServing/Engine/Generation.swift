import MExitParallel
import MExitRuntime
import Synchronization

/// A model while it is served, with the threads that run it. A reload starts a new generation; the old one ends when it has
/// answered what it was given.
final class Generation: Sendable {
    private struct State {
        /// Requests that were promised to it and are not in its inbox yet.
        var coming = 0
        var isRetired = false
        var threads: [WorkerThread] = []
    }

    /// The loop, and whether a thread is running it.
    private struct Baton: @unchecked Sendable {
        // Unchecked: only who has set `isTaken` touches the loop.
        let loop: InferenceLoop
        var isTaken = false
    }

    let model: ServedModel
    private let inbox = Inbox()
    /// The whole network takes a sample little longer than waking a thread: the thread that has a lone request may as well
    /// run it. A longer one would keep it from reading.
    let isQuick: Bool
    private static let quick: Int64 = 2_000_000
    private let state = Mutex(State())
    /// One per worker.
    private let batons: [Monitor<Baton>]

    /// Takes the memory for samples and measures the stages.
    ///
    /// - Throws: ``RuntimeError`` when memory is short.
    init(_ model: ServedModel, options: ServerOptions, sink: any ResponseSink, statistics: Statistics) throws {
        self.model = model
        let loops = try (0..<options.workers).map { [inbox] _ in
            let context = try InferenceContext(model.compiled, slots: options.slots(for: model.compiled), threads: options.threads)
            return try InferenceLoop(context: context, options: options, inbox: inbox, sink: sink, statistics: statistics)
        }
        isQuick = loops.allSatisfy { $0.wholeTime < Generation.quick }
        batons = loops.map { Monitor(Baton(loop: $0)) }
        let threads = batons.map { [inbox] baton in
            WorkerThread {
                while inbox.waitForRequests() { Generation.run(Generation.take(baton, waits: true), baton) }
            }
        }
        state.withLock { $0.threads = threads }
    }

    /// Nil when somebody else has it and `waits` is false.
    private static func take(_ baton: Monitor<Baton>, waits: Bool) -> Baton? {
        baton.wait { baton -> Baton?? in
            if baton.isTaken { return waits ? nil : .some(nil) }
            baton.isTaken = true
            return .some(baton)
        }
    }

    private static func run(_ taken: Baton?, _ baton: Monitor<Baton>, beforeSending: () -> Void = {}) {
        guard let taken else { return }
        taken.loop.run(beforeSending: beforeSending)
        baton.change { $0.isTaken = false }
    }

    /// Runs what was delivered without a wake, on the caller's thread if nobody runs anything: for a lone request, waking
    /// another thread would take longer than much of the network.
    ///
    /// - Parameter beforeSending: called whenever answers are about to go out.
    func runDelivered(beforeSending: () -> Void) {
        for baton in batons {
            guard let taken = Generation.take(baton, waits: false) else { continue }
            Generation.run(taken, baton, beforeSending: beforeSending)
            break
        }
        // What came while the baton changed hands.
        if !inbox.isEmpty { inbox.wake() }
    }

    /// Lets a worker take what was delivered without a wake.
    func wake() { inbox.wake() }

    /// Announces a request; false when the generation takes no more. Exactly one ``deliver(_:)`` or ``cancel()`` must follow.
    func announce() -> Bool {
        state.withLock {
            if $0.isRetired { return false }
            $0.coming += 1
            return true
        }
    }

    /// Hands over an announced request.
    ///
    /// - Parameter wakes: nobody where ``runDelivered(beforeSending:)`` follows; all where the reading thread may be running a sample, since
    ///   the one worker that is woken might wait for just that.
    func deliver(_ request: PreparedRequest, wakes: Wake) {
        inbox.append(request, wakes: wakes)
        cancel()
    }

    /// An announced request does not come: it was answered already.
    func cancel() {
        let isOver = state.withLock {
            $0.coming -= 1
            return $0.isRetired && $0.coming == 0
        }
        if isOver { inbox.close() }
    }

    /// Takes no more requests; its threads end when all are answered.
    func retire() {
        let isOver = state.withLock {
            $0.isRetired = true
            return $0.coming == 0
        }
        if isOver { inbox.close() }
    }

    /// Forgets everything that is under way.
    func abandon() { inbox.abandon() }

    /// Waits until everything is answered, behind ``retire()``.
    func join() {
        let threads = state.withLock { state in
            defer { state.threads = [] }
            return state.threads
        }
        threads.forEach { $0.join() }
    }
}

/// Hands a value to the one thread that uses it from then on.
///
/// Unchecked: made by the thread that starts the worker, touched only by the worker until it is joined.
struct Confined<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
