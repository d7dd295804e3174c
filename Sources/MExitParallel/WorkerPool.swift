import Synchronization

/// A fixed set of threads that share loops: compute never runs on Swift's cooperative pool.
///
/// The caller's thread is worker 0 and takes part, so a pool of one thread starts none. Between two loops the workers spin
/// for some tens of microseconds, then sleep: a network's layers follow each other faster than a sleeping thread wakes.
///
/// One loop runs at a time; loops from several threads wait for each other. A body must not call `run` of the same pool.
public final class WorkerPool: Sendable {
    /// Number of workers, the caller included.
    public let threads: Int
    private let shared: Shared
    private let handles: [WorkerThread]

    /// - Parameter threads: at least 1; larger numbers start `threads - 1` operating-system threads.
    public init(threads: Int) {
        precondition(threads >= 1, "a worker pool has at least one thread")
        self.threads = threads
        let shared = Shared()
        self.shared = shared
        handles = (1..<max(threads, 1)).map { worker in
            WorkerThread { shared.work(as: worker) }
        }
    }

    deinit {
        shared.stop()
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
            for index in 0..<count { body(0, index) }
            return
        }
        withoutActuallyEscaping(body) { escaping in
            withUnsafePointer(to: escaping) { pointer in
                shared.run(count, workers: threads - 1, pointer) { body, worker, index in
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
            for index in 0..<count { function(context, 0, index) }
            return
        }
        shared.run(count, workers: threads - 1, context, function)
    }
}

extension WorkerPool {
    /// One loop in progress. Plain values, published by the release store of `generation` and read behind its acquire load.
    private struct Loop {
        var count = 0
        var function: Function?
        /// What the caller's function works on; it outlives the loop because the caller waits for it.
        var context: UnsafeRawPointer?
    }

    /// What the threads share.
    ///
    /// Unchecked: `loop` is written only while no worker runs (under `caller`, after `running` fell to 0) and read only
    /// between the acquire of a new `generation` and the release of `running`.
    private final class Shared: @unchecked Sendable {
        private let generation = Atomic<UInt>(0)
        private let next = Atomic<Int>(0)
        private let running = Atomic<Int>(0)
        private let stopping = Atomic<Bool>(false)
        private let sleepers = Atomic<Int>(0)
        private let bell = Bell()
        private let caller = Mutex<Void>(())
        private var loop = Loop()

        /// Rounds of spinning before a worker sleeps: some tens of microseconds.
        private static let spins = 20_000

        func run(_ count: Int, workers: Int, _ context: UnsafeRawPointer, _ function: Function) {
            caller.withLock { _ in
                loop = Loop(count: count, function: function, context: context)
                next.store(0, ordering: .relaxed)
                running.store(workers, ordering: .relaxed)
                generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
                if sleepers.load(ordering: .sequentiallyConsistent) > 0 { bell.ring() }
                take(as: 0)
                while running.load(ordering: .acquiring) > 0 {}
                loop = Loop()
            }
        }

        private func take(as worker: Int) {
            guard let function = loop.function, let context = loop.context else { return }
            let count = loop.count
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                if index >= count { return }
                function(context, worker, index)
            }
        }

        func work(as worker: Int) {
            var seen: UInt = 0
            while true {
                seen = awaitGeneration(after: seen)
                if stopping.load(ordering: .acquiring) { return }
                take(as: worker)
                running.wrappingSubtract(1, ordering: .releasing)
            }
        }

        private func awaitGeneration(after seen: UInt) -> UInt {
            for _ in 0..<Shared.spins {
                let current = generation.load(ordering: .acquiring)
                if current != seen { return current }
            }
            return bell.wait(before: {
                // Announce the sleep before the last look: the caller first raises the generation, then looks for sleepers.
                sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
            }, until: {
                let current = generation.load(ordering: .sequentiallyConsistent)
                return current == seen ? nil : current
            }, behind: {
                sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent)
            })
        }

        func stop() {
            stopping.store(true, ordering: .releasing)
            generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
            bell.ring()
        }
    }
}
