import CMExitKernels
import MExitParallel
import Testing

@testable import MExitBenchmark

@Suite struct PeakTests {
    @Test func everyLoopDoesTheMultiplyAddsThatItClaims() {
        #expect(!Peak.loops.isEmpty)
        for loop in Peak.loops {
            let name = String(cString: loop.name)
            // Chain i starts at i in every lane; one round makes it i / 2 + 1. The sum tells the lanes apart from the chains:
            // lanes x (c (c - 1) / 4 + c) for c chains, and lanes x c = fmas.
            let after1 = Double(loop.run(1))
            let chains = 4 * (after1 / Double(loop.fmas) - 1) + 1
            #expect(chains == chains.rounded() && chains >= 8, "\(name): \(chains) chains")
            #expect(loop.fmas % max(1, Int(chains)) == 0, "\(name)")
            // s = s / 2 + 1 has reached 2 in every lane.
            #expect(loop.run(100) == Float(2 * loop.fmas), "\(name)")
        }
    }

    @Test func thePeakIsThatOfTheFastestSample() throws {
        let loop = try #require(Peak.loops.last)
        let peak = Peak(loop, pool: WorkerPool(threads: 2), sampleSeconds: 1e-4, count: 3)
        #expect(peak.samples.count == 3 && peak.gflops == peak.samples.max())
        #expect(peak.gflops > 0 && peak.gflops.isFinite)
        #expect(peak.threads == 2 && peak.isa == String(cString: mexit_isa_name(mexit_cpu_best())))
    }
}
