import MExitParallel

/// Contexts for many threads: each borrows one, uses it alone, and gives it back. There are as many as have been needed at once.
public final class ContextPool: Sendable {
    /// A context that nobody uses.
    ///
    /// Unchecked: contexts are not `Sendable`, but this one leaves the list, under the lock, before it is used.
    private struct Idle: @unchecked Sendable { let context: InferenceContext }

    /// What its contexts run.
    public let model: CompiledModel
    private let slots: Int
    private let threads: Int
    private let idle = Monitor<[Idle]>([])

    /// A pool without contexts: each is made when it is needed.
    ///
    /// - Parameters:
    ///   - slots: of each context.
    ///   - threads: of each context; 1 where many callers come at once.
    public init(_ model: CompiledModel, slots: Int = 1, threads: Int = 1) {
        self.model = model
        self.slots = slots
        self.threads = threads
    }

    /// Lends a context to the caller's thread for the time of `body`; it must not be kept.
    ///
    /// - Returns: what `body` returns.
    /// - Throws: what `body` throws; ``RuntimeError`` when a context is needed and memory is short.
    /// - Complexity: a lock and no allocation, where a context is idle; making one takes its memory and starts its threads.
    public func withContext<Result>(_ body: (InferenceContext) throws -> Result) throws -> Result {
        let lent = try idle.withLock { $0.popLast() } ?? Idle(context: InferenceContext(model, slots: slots, threads: threads))
        defer { idle.withLock { $0.append(lent) } }
        return try body(lent.context)
    }

    /// Shows the contexts that nobody uses: for their ``InferenceContext/totals``.
    ///
    /// - Throws: what `body` throws; the contexts that it has not seen then are kept.
    public func forEachIdle(_ body: (InferenceContext) throws -> Void) rethrows {
        let lent = idle.withLock { list in
            defer { list = [] }
            return list
        }
        defer { idle.withLock { $0 += lent } }
        for idle in lent { try body(idle.context) }
    }
}
