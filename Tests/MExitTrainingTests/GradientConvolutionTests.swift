import MExitIR
import Testing

@Suite struct GradientConvolutionTests {
    static let cases: [Conv2D] = [
        Conv2D(outChannels: 5, kernel: 1),
        Conv2D(outChannels: 5, kernel: 3, padding: 1),
        Conv2D(outChannels: 6, kernel: 3, stride: 2, padding: 1, hasBias: true),
        Conv2D(outChannels: 3, kernel: 1, stride: 2),
        Conv2D(outChannels: 4, kernel: 3, padding: 1, groups: 2, hasBias: true),
        Conv2D(outChannels: 4, kernel: 3, stride: 2, padding: 1, groups: 4),
        Conv2D(outChannels: 3, kernel: 3, padding: 2, dilation: 2),
        Conv2D(outChannels: 3, kernel: 3, padding: 0, dilation: 2),
        Conv2D(outChannels: 3, kernel: 2, stride: 1, padding: 0),
        Conv2D(outChannels: 2, kernel: 5, stride: 1, padding: 2),
        Conv2D(outChannels: 2, kernel: 4, stride: 3, padding: 3),
        Conv2D(
            outChannels: 3, kernelHeight: 1, kernelWidth: 3, stride: 1, padding: 1, dilation: 1, groups: 1, hasBias: false),
        Conv2D(
            outChannels: 2, kernelHeight: 3, kernelWidth: 2, stride: 2, padding: 0, dilation: 1, groups: 1, hasBias: true),
    ]

    @Test(arguments: cases) func convolution(_ conv: Conv2D) throws {
        let graph = try twoExits { builder, x in builder.append(.conv2d(conv), [x], name: "conv") }
        #expect(try GradientCase(graph).mismatches().isEmpty)
    }

    /// Wide maps and channel counts that fill vectors and leave remainders.
    @Test func wide() throws {
        let graph = try twoExits(input: .map(channels: 2, height: 9, width: 35), stem: 17) { builder, x in
            builder.append(.conv2d(Conv2D(outChannels: 19, kernel: 3, padding: 1)), [x], name: "conv")
        }
        #expect(try GradientCase(graph, batch: 3).mismatches().isEmpty)
    }

    /// Weights whose gradient is computed by input channels, in slices of unequal width, not by samples.
    static func heavy() throws -> Graph {
        try twoExits(input: .map(channels: 3, height: 8, width: 8), stem: 97) { builder, x in
            builder.append(.conv2d(Conv2D(outChannels: 80, kernel: 3, stride: 2, padding: 1)), [x], name: "conv")
        }
    }

    @Test func heavyWeights() throws {
        #expect(try GradientCase(Self.heavy(), batch: 3).mismatches(directions: 1).isEmpty)
    }

    @Test func heavyWeightsHaveSameBitsForAnyThreads() throws {
        let (one, many) = (try GradientCase(Self.heavy(), batch: 21), try GradientCase(Self.heavy(), batch: 21, threads: 3))
        for _ in 0..<2 {
            one.runBackward()
            many.runBackward()
            #expect(Array(one.gradients.values) == Array(many.gradients.values))
            #expect(one.gradients.values.contains { $0 != 0 })
        }
    }

    @Test func chain() throws {
        let graph = try twoExits(input: .map(channels: 3, height: 8, width: 8)) { builder, x in
            let a = builder.append(.conv2d(Conv2D(outChannels: 5, kernel: 3, padding: 1)), [x], name: "a")
            let b = builder.append(.conv2d(Conv2D(outChannels: 6, kernel: 3, stride: 2, padding: 1)), [a], name: "b")
            return builder.append(.conv2d(Conv2D(outChannels: 4, kernel: 3, padding: 1)), [b], name: "c")
        }
        #expect(try GradientCase(graph).mismatches().isEmpty)
    }
}
