import CMExitKernels
import MExitIR
import Testing
import _MExitTestSupport

@testable import MExitRuntime

/// Which weights are fetched ahead: nothing twice, nothing that is over, nothing far away.
@Suite struct FetchPlanTests {
    @Test func rangesFollowEachOther() throws {
        func packedFloats(_ convolution: ConvolutionStep) -> Int {
            var shape = convolution.shape
            return convolution.kernel.pointee.packed_floats(&shape)
        }
        let graph = try Architectures.preset(named: "msdnet-cifar-7").graph(classes: 10)
        let compiled = try CompiledModel(randomModel(graph, seed: 1))
        var fetched = 0, floats = 0, weights = 0
        for step in compiled.steps {
            guard case .conv2d(let convolution) = step.kind else { continue }
            let end = convolution.weights + packedFloats(convolution)
            #expect(convolution.ahead.lowerBound >= fetched)
            // Weights start on a cache line; the floats left out before it may be fetched.
            #expect(convolution.ahead.isEmpty || convolution.ahead.lowerBound > convolution.weights - 16)
            #expect(convolution.ahead.isEmpty || convolution.kernel.pointee.fetches > 0)
            #expect(convolution.ahead.upperBound <= max(end, convolution.ahead.lowerBound) + FetchPlan.window)
            #expect(convolution.ahead.upperBound <= compiled.weights.count)
            fetched = convolution.ahead.upperBound
            floats += convolution.ahead.count
            weights += convolution.kernel.pointee.fetches > 0 ? end - convolution.weights : 0
        }
        // Where kernels fetch at all, most weights have been fetched when they are read.
        #expect(weights == 0 || 2 * floats > weights)
    }
}
