#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Synchronization
import Testing

@testable import MExitParallel

/// Steps shared by threads: every part once, and none before what it needs.
@Suite struct LanesTests {
    /// What the parts note down. Unchecked: all of it is atomic or constant.
    private final class Notes: @unchecked Sendable {
        let lanes: Int
        let needs: [Int32]
        /// How often each part was done, `[step][lane]`.
        let done: [Counter]
        let early = Atomic<Int>(0)
        let badWorkers = Atomic<Int>(0)
        let threads: Int
        let nap: Bool

        final class Counter: Sendable { let value = Atomic<Int>(0) }

        init(lanes: Int, threads: Int, needs: [Int32], nap: Bool) {
            (self.lanes, self.threads, self.needs, self.nap) = (lanes, threads, needs, nap)
            done = (0..<needs.count * lanes).map { _ in Counter() }
        }

        func part(_ worker: Int, _ lane: Int, _ step: Int) {
            for needed in 0..<Int(needs[step]) * lanes where done[needed].value.load(ordering: .acquiring) == 0 {
                early.wrappingAdd(1, ordering: .relaxed)
            }
            if !(0..<threads).contains(worker) { badWorkers.wrappingAdd(1, ordering: .relaxed) }
            if nap, (step + lane) % 7 == 0 { usleep(200) }
            done[step * lanes + lane].value.wrappingAdd(1, ordering: .releasing)
        }
    }

    private static func run(_ notes: Notes, _ lanes: Lanes, _ pool: WorkerPool) {
        notes.needs.withUnsafeBufferPointer { needs in
            guard let needs = needs.baseAddress else { return }
            lanes.run(notes.needs.count, needs: needs, in: pool, on: Unmanaged.passUnretained(notes).toOpaque()) {
                Unmanaged<Notes>.fromOpaque($0).takeUnretainedValue().part($1, $2, $3)
            }
        }
    }

    /// More threads than processors, and parts during which a thread sleeps, too.
    @Test(arguments: [1, 2, 3, 8], [false, true]) func everyPartOnceAndInTime(threads: Int, nap: Bool) {
        let pool = WorkerPool(threads: threads)
        let lanes = Lanes(count: pool.threads)
        for round in 0..<(nap ? 5 : 200) {
            let needs = (0..<40).map { step in Int32(max(0, step - (step * 7 + round) % 5)) }
            let notes = Notes(lanes: lanes.count, threads: pool.threads, needs: needs, nap: nap)
            Self.run(notes, lanes, pool)
            #expect(notes.done.allSatisfy { $0.value.load(ordering: .acquiring) == 1 })
            #expect(notes.early.load(ordering: .relaxed) == 0)
            #expect(notes.badWorkers.load(ordering: .relaxed) == 0)
        }
    }

    /// More lanes than threads: one thread does them all.
    @Test func aLoneThreadDoesAllLanes() {
        let pool = WorkerPool(threads: 1)
        let notes = Notes(lanes: 3, threads: 1, needs: (0..<20).map { Int32($0) }, nap: false)
        Self.run(notes, Lanes(count: 3), pool)
        #expect(notes.done.allSatisfy { $0.value.load(ordering: .acquiring) == 1 })
        #expect(notes.early.load(ordering: .relaxed) == 0)
    }

    @Test func noStepsAreDoneAtOnce() {
        let pool = WorkerPool(threads: 2)
        Self.run(Notes(lanes: 2, threads: 2, needs: [], nap: false), Lanes(count: 2), pool)
    }
}
