import MExitParallel
import MExitRuntime
import Synchronization

/// A model while it is served, with the thread that runs it. A reload starts a new generation; the old one ends when it has
/// answered what it was given.
final class Generation: Sendable {
    private struct State {
        /// Requests that were promised to it and are not in its inbox yet.
        var coming = 0
        var isRetired = false
        var thread: WorkerThread?
    }

    let model: ServedModel
    private let inbox: WorkQueue<PreparedRequest>
    private let state = Mutex(State())

    /// Takes the memory for samples and measures the stages.
    ///
    /// - Throws: ``RuntimeError`` when memory is short.
    init(_ model: ServedModel, options: ServerOptions, sink: any ResponseSink, statistics: Statistics) throws {
        self.model = model
        inbox = WorkQueue()
        let context = try InferenceContext(model.compiled, slots: options.slots(for: model.compiled), threads: options.threads)
        let loop = Confined(try InferenceLoop(context: context, options: options, inbox: inbox, sink: sink, statistics: statistics))
        let thread = WorkerThread { loop.value.run() }
        state.withLock { $0.thread = thread }
    }

    /// Announces a request; false when the generation takes no more. Exactly one ``deliver(_:)`` or ``cancel()`` must follow.
    func announce() -> Bool {
        state.withLock {
            if $0.isRetired { return false }
            $0.coming += 1
            return true
        }
    }

    /// Hands over an announced request.
    func deliver(_ request: PreparedRequest) {
        inbox.append(request)
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

    /// Takes no more requests; its thread ends when all are answered.
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
        let thread = state.withLock { state in
            defer { state.thread = nil }
            return state.thread
        }
        thread?.join()
    }
}

/// Hands a value to the one thread that uses it from then on.
///
/// Unchecked: made by the thread that starts the worker, touched only by the worker until it is joined.
struct Confined<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
