import MExitIR
import _MExitTestSupport

/// Networks that the runtime's tests share.
enum Networks {
    static func tiny() throws -> Model {
        try randomModel(Architectures.preset(named: "msdnet-tiny").graph(classes: 10), seed: 7)
    }

    /// Every operation, two exits, values read by several nodes, a concat that cannot be all placement, odd sizes.
    static func mixed() throws -> Model {
        var b = GraphBuilder(input: .map(channels: 3, height: 11, width: 9))
        let a = b.append(.conv2d(Conv2D(outChannels: 8, kernel: 3, padding: 1, hasBias: true)), [0], name: "a")
        let an = b.append(.batchNorm(epsilon: 1e-3), [a], name: "an")
        let ar = b.append(.activation(.relu), [an], name: "ar")
        let g = b.append(.conv2d(Conv2D(outChannels: 8, kernel: 3, padding: 2, dilation: 2, groups: 4)), [ar], name: "g")
        let s = b.append(.add, [ar, g, a], name: "s")
        let sr = b.append(.activation(.relu), [s], name: "sr")
        let left = b.append(.concat, [sr, ar], name: "left")
        let right = b.append(.concat, [ar, sr, ar], name: "right")
        let p = b.append(.maxPool(Pool2D(kernel: 3, stride: 2, padding: 1)), [left], name: "p")
        let q = b.append(.averagePool(Pool2D(kernel: 3, stride: 2, padding: 1, countIncludesPadding: false)), [right], name: "q")
        let f0 = b.append(.flatten, [p], name: "f0")
        let l0 = b.append(.linear(Linear(outFeatures: 5, hasBias: false)), [f0], name: "l0")
        b.exit(l0, name: "first")
        let lone = b.append(.batchNorm(epsilon: 1e-5), [q], name: "lone")
        var x = lone
        for (index, activation) in [Activation.relu6, .leakyRelu(slope: 0.1), .sigmoid, .tanh, .silu, .hardSwish, .gelu].enumerated() {
            x = b.append(.activation(activation), [x], name: "act\(index)")
        }
        let strided = b.append(.conv2d(Conv2D(outChannels: 7, kernel: 3, stride: 2, padding: 1)), [x], name: "strided")
        let up = b.append(.upsample(factor: 2), [strided], name: "up")
        let wide = b.append(.resize(Resize(height: 9, width: 5, alignsCorners: true)), [up], name: "wide")
        let small = b.append(.resize(Resize(height: 3, width: 6, alignsCorners: false)), [wide], name: "small")
        let valid = b.append(.conv2d(Conv2D(outChannels: 6, kernelHeight: 1, kernelWidth: 3, stride: 1, padding: 0, dilation: 1, groups: 1, hasBias: true)), [small], name: "valid")
        let gap = b.append(.globalAveragePool, [valid], name: "gap")
        let f1 = b.append(.flatten, [gap], name: "f1")
        let both = b.append(.concat, [f1, l0], name: "both")
        let l1 = b.append(.linear(Linear(outFeatures: 5)), [both], name: "l1")
        b.exit(l1, name: "second")
        return try randomModel(try b.build(), seed: 11)
    }

    static func input(_ model: Model, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return generator.floats(model.graph.inputShape.count, -2...2)
    }
}
