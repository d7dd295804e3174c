import CMExitAllocations
import MExitIR
import MExitRuntime
import Testing

@testable import MExitBenchmark

@Suite struct NetworkBenchmarkTests {
    @Test(arguments: [(1, 1), (3, 1), (9, 1), (1, 2), (20, 2)])
    func partsAddUpToTheWhole(batch: Int, threads: Int) throws {
        let subject = try Fixtures.small()
        let model = try CompiledModel(subject.model)
        let benchmark = try NetworkBenchmark(subject, model, settings: Fixtures.settings(), largestBatch: 20)
        let result = try benchmark.measure(batch: batch, threads: threads, peak: Fixtures.peak)

        #expect(result.exits.map(\.macs) == model.cumulativeCosts.map(\.macs))
        #expect(result.stages.map(\.macs) == model.stageCosts.map(\.macs))
        #expect(result.stages.map(\.operations) == model.stageOperations)
        let macs = try #require(model.cumulativeCosts.last).macs
        #expect(result.steps.reduce(0) { $0 + $1.macs } == macs)
        for stage in result.stages {
            #expect(result.steps.filter { $0.stage == stage.stage }.reduce(0) { $0 + $1.macs } == stage.macs)
        }
        #expect(result.kernels.reduce(0) { $0 + $1.steps } == result.steps.count)
        #expect(result.kernels.reduce(0) { $0 + $1.macs } == macs)
        #expect(abs(result.kernels.reduce(0) { $0 + $1.shareOfTime } - 1) < 1e-9)

        // What the threads counted while they worked.
        #expect(result.executedMacs == batch * macs)
        #expect(result.executedOperations == batch * (subject.model.graph.nodes.count - 1))

        for time in result.exits.map(\.time) + result.stages.map(\.time) + result.steps.map(\.time) + [result.load] {
            #expect(time.seconds.count == 3 && time.seconds.allSatisfy { $0 >= 0 && $0.isFinite })
        }
        for (a, b) in zip(result.exits, result.exits.dropFirst()) {
            #expect(zip(a.time.seconds, b.time.seconds).allSatisfy(<=), "time to a later exit is more")
        }
        for step in result.steps where step.macs > 0 {
            #expect(abs(step.rate.gflops - 2e-9 * Double(batch * step.macs) / step.time.median) <= 1e-9 * step.rate.gflops)
            #expect(abs(step.rate.shareOfPeak - step.rate.gflops / 100) <= 1e-9)
        }
    }

    @Test func stepsNameNodesAndKernels() throws {
        let subject = try Fixtures.small()
        let steps = try CompiledModel(subject.model).stepDescriptions
        let nodes = Set(subject.model.graph.nodes.map(\.name))
        #expect(steps.allSatisfy { nodes.contains($0.node) })
        #expect(steps.reduce(0) { $0 + $1.operations } == nodes.count - 1)
        let stem = try #require(steps.first)
        #expect(stem.node == "stem.relu" && stem.operation == "conv2d" && stem.kernel.hasPrefix("mexit_conv2d_f32_"))
        #expect(stem.input == [3, 8, 8] && stem.output == [6, 8, 8])
        #expect(stem.operations == 3 && stem.macs == 6 * 64 * 27 && stem.convolution?.kernel_h == 3)
        #expect(steps.filter { $0.convolution != nil }.count == 3)
        #expect(Set(steps.map(\.operation)).isSuperset(of: ["add", "linear", "maxPool", "globalAveragePool"]))
    }

    @Test(.enabled(if: mexit_allocations_counted() == 1), arguments: [1, 2])
    func aRunAllocatesNothing(threads: Int) throws {
        let before = mexit_allocations()
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 100, alignment: 16)
        memory.deallocate()
        #expect(mexit_allocations() > before, "allocations are counted")

        let subject = try BenchmarkSubject(Architectures.preset(named: "msdnet-tiny"), classes: 10)
        let model = try CompiledModel(subject.model)
        let settings = try BenchmarkSettings(repetitions: 1, warmups: 0)
        let benchmark = try NetworkBenchmark(subject, model, settings: settings, largestBatch: 17)
        for batch in [1, 17] {
            #expect(try benchmark.measure(batch: batch, threads: threads, peak: Fixtures.peak).allocations == 0)
        }
    }

    @Test func wrongWeightsAreNotTimed() throws {
        var model = try Fixtures.small().model
        model.tensors["first.linear.bias"] = [0, .nan, 0, 0]
        let broken = BenchmarkSubject(name: "broken", model: model, isTrained: true)
        #expect(throws: BenchmarkError.self) {
            try NetworkBenchmark(broken, CompiledModel(model), settings: Fixtures.settings(), largestBatch: 1)
        }
    }

    @Test func onlyTheBatchesThatWereAnnouncedAreMeasured() throws {
        let subject = try Fixtures.small()
        let benchmark = try NetworkBenchmark(subject, CompiledModel(subject.model), settings: Fixtures.settings(), largestBatch: 2)
        #expect(throws: BenchmarkError.self) { try benchmark.measure(batch: 3, threads: 1, peak: Fixtures.peak) }
    }
}
