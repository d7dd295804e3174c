#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import MExitParallel
import Synchronization
import Testing

@Suite struct WorkerPoolTests {
    /// Every index runs exactly once, whatever the numbers, and the loop has ended when `run` returns.
    @Test func everyIndexRunsOnce() {
        for threads in [1, 2, 3, 8] {
            let pool = WorkerPool(threads: threads)
            for count in [0, 1, 2, 3, 7, 8, 9, 100] {
                let hits = (0..<count).map { _ in Counter() }
                pool.run(count) { worker, index in
                    #expect((0..<threads).contains(worker))
                    hits[index].value.wrappingAdd(1, ordering: .relaxed)
                }
                #expect(hits.allSatisfy { $0.value.load(ordering: .relaxed) == 1 })
            }
        }
    }

    /// Workers that fell asleep wake up again, many loops in a row lose none.
    @Test func loopsFollowEachOther() async throws {
        let pool = WorkerPool(threads: 3)
        let sum = Counter()
        for round in 0..<2000 {
            if round % 500 == 0 { try await Task.sleep(for: .milliseconds(30)) }
            pool.run(5) { _, index in sum.value.wrappingAdd(index, ordering: .relaxed) }
        }
        #expect(sum.value.load(ordering: .relaxed) == 2000 * 10)
    }

    /// The caller sleeps while a worker is busy for long, and wakes up.
    @Test func longBodiesAreWaitedFor() {
        let pool = WorkerPool(threads: 3)
        for slow in 0..<6 {
            let sum = Counter()
            pool.run(6) { _, index in
                if index == slow { usleep(30_000) }
                sum.value.wrappingAdd(1, ordering: .relaxed)
            }
            #expect(sum.value.load(ordering: .relaxed) == 6)
        }
    }

    /// Far more threads than cores: loops still end, and a pool that was never used or is asleep can go.
    @Test func manyThreadsAreHarmless() {
        for rounds in [0, 1, 3000] {
            let pool = WorkerPool(threads: 64)
            #expect((1...64).contains(pool.threads))
            let sum = Counter()
            for _ in 0..<rounds { pool.run(9) { _, index in sum.value.wrappingAdd(index, ordering: .relaxed) } }
            #expect(sum.value.load(ordering: .relaxed) == 36 * rounds)
            if rounds == 1 { usleep(20_000) }
        }
    }

    /// Loops of one index use worker 0's scratch memory too, so they wait for each other as well.
    @Test func oneWorkerServesOneCallerAtATime() async {
        for threads in [1, 2] {
            let pool = WorkerPool(threads: threads)
            let inside = Counter()
            let clashes = Counter()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<50 {
                            pool.run(1) { _, _ in
                                if inside.value.wrappingAdd(1, ordering: .relaxed).newValue > 1 { clashes.value.wrappingAdd(1, ordering: .relaxed) }
                                usleep(20)
                                inside.value.wrappingSubtract(1, ordering: .relaxed)
                            }
                        }
                    }
                }
            }
            #expect(clashes.value.load(ordering: .relaxed) == 0)
        }
    }

    @Test func callersTakeTurns() async {
        let pool = WorkerPool(threads: 2)
        let sum = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<200 { pool.run(4) { _, _ in sum.value.wrappingAdd(1, ordering: .relaxed) } }
                }
            }
        }
        #expect(sum.value.load(ordering: .relaxed) == 4 * 200 * 4)
    }
}

private final class Counter: Sendable {
    let value = Atomic<Int>(0)
}
