import CMExitKernels
import MExitIR
import MExitRuntime
import Testing

@testable import MExitBenchmark

@Suite struct KernelComparisonTests {
    @Test func everyConvolutionMeetsEveryKernelThatSupportsIt() throws {
        let model = try CompiledModel(try Fixtures.small().model)
        let comparisons = try KernelComparison.all(of: model, batches: [1, 3, 64], settings: Fixtures.settings(), peak: Fixtures.peak)
        // Three different convolutions; 64 samples are eight times eight.
        #expect(comparisons.count == 9)
        #expect(Set(comparisons.map(\.batch)) == [1, 3, 8])
        let steps = model.stepDescriptions.filter { $0.convolution != nil }
        #expect(comparisons.filter { $0.batch == 1 }.reduce(0) { $0 + $1.occurrences * $1.macs } == steps.reduce(0) { $0 + $1.macs })
        for comparison in comparisons {
            #expect(comparison.kernels.filter(\.isPick).count == 1)
            #expect(comparison.kernels.contains { $0.kernel.hasSuffix("scalar") })
            #expect(comparison.kernels.allSatisfy { $0.time.seconds.count == 3 && $0.predictedNanoseconds > 0 })
            let least = comparison.kernels.map(\.time.minimum)
            #expect(least == least.sorted())
            let pick = try #require(comparison.kernels.first { $0.isPick })
            #expect(comparison.slowdown == pick.time.minimum / least[0] && comparison.slowdown >= 1)
        }
        for step in steps {
            var shape = try #require(step.convolution)
            #expect(String(cString: mexit_conv2d_choose_any(&shape).pointee.name) == step.kernel)
        }
    }

    @Test func equalConvolutionsAreComparedOnce() throws {
        let subject = try BenchmarkSubject(Architectures.preset(named: "msdnet-tiny"), classes: 10)
        let model = try CompiledModel(subject.model, options: CompileOptions(exits: [1]))
        let settings = try BenchmarkSettings(repetitions: 1, warmups: 0)
        let comparisons = try KernelComparison.all(of: model, batches: [1], settings: settings, peak: Fixtures.peak)
        let convolutions = model.stepDescriptions.filter { $0.convolution != nil }.count
        #expect(comparisons.reduce(0) { $0 + $1.occurrences } == convolutions && comparisons.count < convolutions)
    }

    @Test func workloadsKeepHalosAtZero() throws {
        let model = try CompiledModel(try Fixtures.small().model)
        let shape = try #require(model.stepDescriptions.first?.convolution)
        let workload = ConvolutionWorkload(shape, n: 2)
        #expect(workload.macs == 2 * 6 * 64 * 27)
        #expect(workload.results.count == 2 * 6 * 64 && workload.results.allSatisfy { $0 == 0 })
        var count = 0
        let first = try #require(mexit_conv2d_kernels(&count))
        ConvolutionWorkload.Prepared(first[0], workload).run()
        #expect(workload.results.contains { $0 > 0 } && workload.results.allSatisfy { $0 >= 0 })
    }
}
