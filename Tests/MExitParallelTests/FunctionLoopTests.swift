import MExitParallel
import Testing

/// Loops whose body is a function without captures.
@Suite struct FunctionLoopTests {
    private struct Marks {
        let counts: UnsafeMutablePointer<Int>
        let workers: UnsafeMutablePointer<Int>
    }

    @Test(arguments: [1, 2, 3]) func everyIndexIsVisitedOnce(threads: Int) {
        let pool = WorkerPool(threads: threads)
        for count in [0, 1, 2, 5, 1000] {
            let counts = UnsafeMutablePointer<Int>.allocate(capacity: count + 1)
            let workers = UnsafeMutablePointer<Int>.allocate(capacity: count + 1)
            defer {
                counts.deallocate()
                workers.deallocate()
            }
            counts.initialize(repeating: 0, count: count + 1)
            workers.initialize(repeating: -1, count: count + 1)
            withUnsafePointer(to: Marks(counts: counts, workers: workers)) { marks in
                pool.run(count, on: marks) { context, worker, index in
                    let marks = context.assumingMemoryBound(to: Marks.self).pointee
                    marks.counts[index] += 1
                    marks.workers[index] = worker
                }
            }
            #expect((0..<count).allSatisfy { counts[$0] == 1 && (0..<threads).contains(workers[$0]) })
            #expect(counts[count] == 0)
        }
    }
}
