import Synchronization

/// What the threads of a pool share: one loop at a time, and the gate through which workers enter it.
///
/// The gate is one number: how often it was opened, whether it is open, whether the caller sleeps until all are out, and how
/// many workers are inside. A worker enters an open gate by adding one to it, so a worker that comes late finds it shut and
/// nobody has waited for it.
///
/// Unchecked: `loop` is written only by the caller, under `caller`, while the gate is shut and nobody is inside; it is read
/// only inside. Entering acquires what opening released; the caller's last look acquires what leaving released.
final class Team: @unchecked Sendable {
    private struct Loop {
        var count = 0
        var function: WorkerPool.Function?
        /// What the caller's function works on; it outlives the loop because the caller waits for those inside.
        var context: UnsafeRawPointer?
    }

    /// Workers inside: the low bits of the gate.
    private static let inside: UInt64 = (1 << 20) - 1
    private static let open: UInt64 = 1 << 20
    private static let callerSleeps: UInt64 = 1 << 21
    /// One opening of the gate.
    private static let opening: UInt64 = 1 << 22

    private let gate = Atomic<UInt64>(0)
    private let next = Atomic<Int>(0)
    private let stopping = Atomic<Bool>(false)
    private let sleepers = Atomic<Int>(0)
    /// Where workers sleep until the gate opens, and the caller until all are out.
    private let start = Monitor(())
    private let finish = Monitor(())
    private let caller = Mutex<Void>(())
    private var loop = Loop()

    /// Runs what needs no workers, as worker 0: no other loop runs meanwhile, so worker 0's scratch memory has one user.
    func alone(_ body: () -> Void) { caller.withLock { _ in body() } }

    /// Runs a loop with whichever workers come in time.
    func run(_ count: Int, _ context: UnsafeRawPointer, _ function: WorkerPool.Function) {
        caller.withLock { _ in
            loop = Loop(count: count, function: function, context: context)
            next.store(0, ordering: .relaxed)
            let before = gate.load(ordering: .relaxed) / Team.opening
            gate.store((before &+ 1) &* Team.opening | Team.open, ordering: .sequentiallyConsistent)
            if sleepers.load(ordering: .sequentiallyConsistent) > 0 { start.wake() }
            take(as: 0)
            shut()
            loop = Loop()
        }
    }

    /// Shuts the gate and waits until nobody is inside.
    private func shut() {
        let state = gate.bitwiseAnd(~Team.open, ordering: .acquiringAndReleasing).newValue
        if state & Team.inside == 0 { return }
        if Spin.until({ gate.load(ordering: .acquiring) & Team.inside == 0 ? true : nil }) != nil { return }
        gate.bitwiseOr(Team.callerSleeps, ordering: .relaxed)
        _ = finish.wait { _ in gate.load(ordering: .acquiring) & Team.inside == 0 ? true : nil }
    }

    /// Takes indices until none is left.
    private func take(as worker: Int) {
        guard let function = loop.function, let context = loop.context else { return }
        let count = loop.count
        while true {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            if index >= count { return }
            function(context, worker, index)
        }
    }

    /// The life of a worker.
    func work(as worker: Int) {
        var seen: UInt64 = 0
        while true {
            let state = awaitOpening(after: seen)
            if stopping.load(ordering: .acquiring) { return }
            seen = state / Team.opening
            guard enter(state) else { continue }
            take(as: worker)
            let left = gate.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue
            if left & (Team.inside | Team.callerSleeps) == Team.callerSleeps { finish.wake() }
        }
    }

    /// Enters the opening that `state` shows; false when it has been shut.
    private func enter(_ state: UInt64) -> Bool {
        var state = state
        let opening = state / Team.opening
        while state & Team.open != 0, state / Team.opening == opening {
            let (entered, found) = gate.weakCompareExchange(
                expected: state, desired: state + 1, successOrdering: .acquiring, failureOrdering: .relaxed)
            if entered { return true }
            state = found
        }
        return false
    }

    /// The gate's state as soon as it has been opened another time.
    private func awaitOpening(after seen: UInt64) -> UInt64 {
        func look() -> UInt64? {
            let state = gate.load(ordering: .sequentiallyConsistent)
            return state / Team.opening == seen ? nil : state
        }
        if let state = Spin.until(look) { return state }
        // Announce the sleep before the last look: the caller first opens the gate, then looks for sleepers.
        sleepers.wrappingAdd(1, ordering: .sequentiallyConsistent)
        defer { sleepers.wrappingSubtract(1, ordering: .sequentiallyConsistent) }
        return start.wait { _ in look() }
    }

    func stop() {
        stopping.store(true, ordering: .releasing)
        gate.wrappingAdd(Team.opening, ordering: .sequentiallyConsistent)
        start.wake()
    }
}
