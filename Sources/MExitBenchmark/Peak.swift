import CMExitKernels
import MExitParallel
import MExitRuntime

/// The most multiply-adds per second that an instruction set was seen to do, in loops that touch no memory.
public struct Peak: Encodable, Hashable, Sendable {
    public let isa: String
    public let threads: Int
    /// Of the fastest sample, over all threads: 2 x multiply-adds / time / 10^9.
    public let gflops: Double
    /// Of every sample.
    public let samples: [Double]

    /// The FMA loops that this CPU runs, the best instruction set last.
    static var loops: [mexit_fma_loop] {
        var count = 0
        guard let first = mexit_fma_loops(&count) else { return [] }
        return UnsafeBufferPointer(start: first, count: count).filter { mexit_cpu_has($0.isa) }
    }

    /// Every instruction set on one thread. - Complexity: some 50 ms each.
    public static func everyISA() -> [Peak] { loops.map { Peak($0, pool: WorkerPool(threads: 1)) } }

    /// The best instruction set on all of some threads at once, which may be less than as many times the peak of one.
    public static func best(threads: Int) throws -> Peak {
        guard let loop = loops.last else { throw BenchmarkError("no FMA loop runs on this CPU") }
        return Peak(loop, pool: WorkerPool(threads: threads))
    }

    init(isa: String, threads: Int, gflops: Double, samples: [Double]) {
        self.isa = isa
        self.threads = threads
        self.gflops = gflops
        self.samples = samples
    }

    init(_ loop: mexit_fma_loop, pool: WorkerPool, sampleSeconds: Double = 3e-3, count: Int = 15) {
        func time(_ rounds: Int) -> Double {
            let start = MonotonicTime.seconds
            pool.run(pool.threads) { _, _ in _ = loop.run(rounds) }
            return MonotonicTime.seconds - start
        }
        var rounds = 1000
        while rounds < 1 << 40 {
            let seconds = time(rounds)
            if seconds >= sampleSeconds { break }
            rounds = seconds > sampleSeconds / 100 ? Int(Double(rounds) * 1.1 * sampleSeconds / seconds) : rounds * 10
        }
        let work = 2e-9 * Double(loop.fmas) * Double(rounds) * Double(pool.threads)
        samples = (0..<count).map { _ in work / time(rounds) }
        gflops = samples.max() ?? 0
        isa = String(cString: mexit_isa_name(loop.isa))
        threads = pool.threads
    }
}
