import Synchronization

/// A fixed set of threads that share loops: compute never runs on Swift's cooperative pool.
///
/// The caller's thread is worker 0 and takes part, so a pool of one thread starts none. Between two loops the workers spin
/// for some tens of microseconds, then sleep: a network's layers follow each other faster than a sleeping thread wakes. A
/// loop waits only for workers that have begun it, so a pool with more threads than there are free cores loses little
/// against one without.
///
/// One loop runs at a time; loops from several threads wait for each other. A body must not call `run` of the same pool.
public final class WorkerPool: Sendable {
    /// Number of workers, the caller included.
    public let threads: Int
    private let team: Team
    private let handles: [WorkerThread]

    /// - Parameter threads: at least 1; larger numbers start `threads - 1` operating-system threads. Where the system refuses
    ///   one of them, the pool does with those it got (``threads`` says how many).
    public init(threads: Int) {
        precondition(threads >= 1, "a worker pool has at least one thread")
        let team = Team()
        var handles: [WorkerThread] = []
        for worker in 1..<max(threads, 1) {
            guard let handle = WorkerThread.ifPossible({ team.work(as: worker) }) else { break }
            handles.append(handle)
        }
        self.threads = 1 + handles.count
        self.team = team
        self.handles = handles
    }

    deinit {
        team.stop()
        for handle in handles { handle.join() }
    }

    /// Calls `body(worker, index)` for every index in `0 ..< count`, spread over the workers, and returns when all are done.
    ///
    /// Which worker takes which index is not fixed: results must depend on the index alone. `worker` (0 ..< threads) picks
    /// private scratch memory.
    ///
    /// A closure that other threads call has its captures on the heap: one allocation per loop, none with one thread. Where
    /// that is too much, use ``run(_:on:_:)``.
    public func run(_ count: Int, _ body: (_ worker: Int, _ index: Int) -> Void) {
        if threads == 1 || count <= 1 {
            team.alone { for index in 0..<max(count, 0) { body(0, index) } }
            return
        }
        withoutActuallyEscaping(body) { escaping in
            withUnsafePointer(to: escaping) { pointer in
                team.run(count, pointer) { body, worker, index in
                    body.assumingMemoryBound(to: ((Int, Int) -> Void).self).pointee(worker, index)
                }
            }
        }
    }

    /// A loop's body without captures: it finds what it works on behind a pointer.
    public typealias Function = @convention(c) (_ context: UnsafeRawPointer, _ worker: Int, _ index: Int) -> Void

    /// As ``run(_:_:)``, and allocates nothing.
    ///
    /// - Parameter context: handed to every call; must stay valid until this returns.
    public func run(_ count: Int, on context: UnsafeRawPointer, _ function: Function) {
        if threads == 1 || count <= 1 {
            team.alone { for index in 0..<max(count, 0) { function(context, 0, index) } }
            return
        }
        team.run(count, context, function)
    }
}
