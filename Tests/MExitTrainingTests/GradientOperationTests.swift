import MExitIR
import Testing

@Suite struct GradientOperationTests {
    @Test(arguments: [
        Activation.relu, .relu6, .leakyRelu(slope: 0.1), .sigmoid, .tanh, .silu, .hardSwish, .gelu,
    ])
    func activation(_ activation: Activation) throws {
        let graph = try twoExits { builder, x in builder.append(.activation(activation), [x], name: "act") }
        #expect(try GradientCase(graph, collinear: true).mismatches().isEmpty)
    }

    @Test(arguments: [1, 2, 9, 12]) func batchNorm(batch: Int) throws {
        let graph = try twoExits { builder, x in builder.append(.batchNorm(epsilon: 1e-3), [x], name: "norm") }
        #expect(try GradientCase(graph, batch: batch).mismatches().isEmpty)
    }

    @Test func batchNormOfVectors() throws {
        let graph = try twoExits(input: .vector(6)) { builder, x in builder.append(.batchNorm(epsilon: 1e-3), [x], name: "norm") }
        #expect(try GradientCase(graph, batch: 20).mismatches().isEmpty)
    }

    /// A ReLU that is fused into the norm before it against a leaky ReLU of slope 0, which never is: finite differences are of
    /// no use behind a norm, where some value is always next to the kink.
    @Test func fusedRelu() throws {
        func graph(_ activation: Activation) throws -> Graph {
            try twoExits { builder, x in
                var value = x
                for (name, stride) in [("a", 1), ("b", 2)] {
                    let conv = Conv2D(outChannels: 5, kernel: 3, stride: stride, padding: 1)
                    value = builder.append(.conv2d(conv), [value], name: "\(name).conv")
                    value = builder.append(.batchNorm(epsilon: 1e-3), [value], name: "\(name).norm")
                    value = builder.append(.activation(activation), [value], name: "\(name).relu")
                }
                return value
            }
        }
        try compare(GradientCase(graph(.relu)), GradientCase(graph(.leakyRelu(slope: 0))))
    }

    /// The norm has a second reader, so that its own value must stand in memory.
    @Test func normReadTwice() throws {
        func graph(_ activation: Activation) throws -> Graph {
            try twoExits { builder, x in
                let norm = builder.append(.batchNorm(epsilon: 1e-3), [x], name: "norm")
                let act = builder.append(.activation(activation), [norm], name: "act")
                return builder.append(.add, [norm, act], name: "sum")
            }
        }
        #expect(try GradientCase(graph(.tanh), batch: 12).mismatches().isEmpty)
        try compare(GradientCase(graph(.relu)), GradientCase(graph(.leakyRelu(slope: 0))))
    }

    private func compare(_ a: GradientCase, _ b: GradientCase) throws {
        a.runBackward()
        b.runBackward()
        #expect(a.network.plannedBytes <= b.network.plannedBytes)
        for exit in a.graph.exits.indices {
            #expect(zip(a.network.logits(exit: exit), b.network.logits(exit: exit)).allSatisfy { abs($0 - $1) < 1e-5 })
            for t in a.parameters.trainable.indices {
                let (left, right) = (a.gradient(t, loss: exit), b.gradient(t, loss: exit))
                let scale = left.map(abs).max() ?? 0
                #expect(zip(left, right).allSatisfy { abs($0 - $1) <= 1e3 * Float.ulpOfOne * scale })
            }
        }
    }

    @Test(arguments: [
        Pool2D(kernel: 2, stride: 2), Pool2D(kernel: 3, stride: 2, padding: 1), Pool2D(kernel: 3, stride: 1, padding: 1),
        Pool2D(kernel: 3, stride: 1, padding: 1, countIncludesPadding: false), Pool2D(kernel: 2, stride: 3),
    ])
    func pools(_ pool: Pool2D) throws {
        let average = try twoExits { builder, x in builder.append(.averagePool(pool), [x], name: "pool") }
        #expect(try GradientCase(average).mismatches().isEmpty)
        let maximum = try twoExits { builder, x in builder.append(.maxPool(pool), [x], name: "pool") }
        #expect(try GradientCase(maximum, collinear: true).mismatches().isEmpty)
    }

    @Test func globalAveragePool() throws {
        let graph = try twoExits { builder, x in builder.append(.globalAveragePool, [x], name: "pool") }
        #expect(try GradientCase(graph).mismatches().isEmpty)
    }

    @Test func upsample() throws {
        let graph = try twoExits { builder, x in builder.append(.upsample(factor: 2), [x], name: "up") }
        #expect(try GradientCase(graph, batch: 3).mismatches().isEmpty)
    }

    @Test(arguments: [
        Resize(height: 8, width: 9, alignsCorners: true), Resize(height: 2, width: 11, alignsCorners: true),
        Resize(height: 7, width: 3, alignsCorners: false), Resize(height: 1, width: 1, alignsCorners: true),
    ])
    func resize(_ resize: Resize) throws {
        let graph = try twoExits { builder, x in builder.append(.resize(resize), [x], name: "resize") }
        #expect(try GradientCase(graph, batch: 3).mismatches().isEmpty)
    }

    @Test func linearChain() throws {
        let graph = try twoExits(input: .vector(11), stem: 7) { builder, x in
            let a = builder.append(.linear(Linear(outFeatures: 9)), [x], name: "a")
            let b = builder.append(.activation(.tanh), [a], name: "b")
            return builder.append(.linear(Linear(outFeatures: 6, hasBias: false)), [b], name: "c")
        }
        #expect(try GradientCase(graph).mismatches().isEmpty)
    }

    @Test func sums() throws {
        let graph = try twoExits { builder, x in
            let a = builder.append(.conv2d(Conv2D(outChannels: 4, kernel: 3, padding: 1)), [x], name: "a")
            let twice = builder.append(.add, [a, a], name: "twice")
            return builder.append(.add, [x, twice, a], name: "sum")
        }
        #expect(try GradientCase(graph).mismatches().isEmpty)
    }

    /// Logits that a later node reads.
    @Test func logitsReadAgain() throws {
        var builder = GraphBuilder(input: .vector(4))
        let first = builder.append(.linear(Linear(outFeatures: 5)), [0], name: "first")
        builder.exit(first, name: "exit0")
        let act = builder.append(.activation(.tanh), [first], name: "act")
        builder.exit(builder.append(.linear(Linear(outFeatures: 5)), [act], name: "second"), name: "exit1")
        let graph = try builder.build()
        #expect(try GradientCase(graph).mismatches().isEmpty)
    }
}
