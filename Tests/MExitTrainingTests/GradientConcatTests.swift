import MExitIR
import Testing

@Suite struct GradientConcatTests {
    /// A dense chain as in MSDNet, in nested form: each concat's first input is the one before.
    static func dense(nested: Bool) throws -> Graph {
        var builder = GraphBuilder(input: .map(channels: 3, height: 6, width: 5))
        let stem = builder.append(.conv2d(Conv2D(outChannels: 4, kernel: 3, padding: 1)), [0], name: "stem")
        var parts = [stem]
        var stack = stem
        for layer in 0..<3 {
            let new = builder.append(.conv2d(Conv2D(outChannels: 2 + layer, kernel: 3, padding: 1)), [stack], name: "conv\(layer)")
            let act = builder.append(.activation(.tanh), [new], name: "act\(layer)")
            parts.append(act)
            stack = builder.append(.concat, nested ? [stack, act] : parts, name: "cat\(layer)")
            let flat = builder.append(.flatten, [builder.append(.averagePool(Pool2D(kernel: 2, stride: 2)), [stack], name: "pool\(layer)")], name: "flat\(layer)")
            builder.exit(builder.append(.linear(Linear(outFeatures: 4)), [flat], name: "head\(layer)"), name: "exit\(layer)")
        }
        return try builder.build()
    }

    @Test(arguments: [true, false], [true, false]) func denseChain(nested: Bool, placement: Bool) throws {
        #expect(try GradientCase(Self.dense(nested: nested), placement: placement).mismatches().isEmpty)
    }

    /// Repeated inputs, the network's input, a value in two orders, a value read beside its concat.
    static func awkward() throws -> Graph {
        try twoExits { builder, x in
            let a = builder.append(.conv2d(Conv2D(outChannels: 2, kernel: 3, padding: 1)), [x], name: "a")
            let b = builder.append(.conv2d(Conv2D(outChannels: 3, kernel: 1)), [a], name: "b")
            let one = builder.append(.concat, [a, b, a, builder.input], name: "one")
            let two = builder.append(.concat, [b, one, a], name: "two")
            let c = builder.append(.conv2d(Conv2D(outChannels: 2, kernel: 1)), [one], name: "c")
            let d = builder.append(.add, [c, a], name: "d")
            return builder.append(.concat, [two, d, x], name: "three")
        }
    }

    @Test(arguments: [true, false]) func awkward(placement: Bool) throws {
        #expect(try GradientCase(Self.awkward(), placement: placement).mismatches().isEmpty)
    }

    @Test func vectors() throws {
        let graph = try twoExits(input: .vector(5), stem: 3) { builder, x in
            let a = builder.append(.linear(Linear(outFeatures: 4)), [x], name: "a")
            return builder.append(.concat, [x, a, x], name: "cat")
        }
        #expect(try GradientCase(graph).mismatches().isEmpty)
    }

    /// Placement changes where numbers stand, not the numbers: forward agrees to the bit, gradients to rounding (their sums may
    /// run in another order).
    @Test func placementAgainstCopies() throws {
        for graph in [try Self.dense(nested: true), try Self.dense(nested: false), try Self.awkward()] {
            let placed = try GradientCase(graph, placement: true)
            let copied = try GradientCase(graph, placement: false)
            placed.runBackward()
            copied.runBackward()
            for exit in graph.exits.indices {
                #expect(Array(placed.network.logits(exit: exit)) == Array(copied.network.logits(exit: exit)))
                for t in placed.parameters.trainable.indices {
                    let (a, b) = (placed.gradient(t, loss: exit), copied.gradient(t, loss: exit))
                    let scale = a.map(abs).max() ?? 0
                    #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 64 * Float.ulpOfOne * scale })
                }
            }
            #expect(placed.network.plannedBytes < copied.network.plannedBytes)
        }
    }
}
