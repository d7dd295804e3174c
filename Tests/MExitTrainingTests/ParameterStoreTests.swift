import MExitIR
import MExitTraining
import Testing

@Suite struct ParameterStoreTests {
    @Test func initialization() throws {
        var builder = GraphBuilder(input: .map(channels: 16, height: 4, width: 4))
        let a = builder.convNormRelu(0, 64, kernel: 3, padding: 1, name: "a")
        let flat = builder.append(.flatten, [a], name: "flat")
        builder.exit(builder.append(.linear(Linear(outFeatures: 10)), [flat], name: "head"), name: "exit")
        let graph = try builder.build()
        let store = try ParameterStore(graph: graph)
        store.initialize(seed: 7)
        let tensors = store.tensors()
        #expect(Set(tensors.keys) == Set(graph.parameters.map(\.name)))
        #expect(tensors["a.norm.weight"]?.allSatisfy { $0 == 1 } == true)
        #expect(tensors["a.norm.runningVariance"]?.allSatisfy { $0 == 1 } == true)
        #expect(tensors["a.norm.runningMean"]?.allSatisfy { $0 == 0 } == true)
        #expect(tensors["head.bias"]?.allSatisfy { $0 == 0 } == true)

        let conv = try #require(tensors["a.conv.weight"]).map(Double.init)
        let std = (2.0 / (9 * 64)).squareRoot()
        let n = Double(conv.count)
        // Four standard errors of mean and of standard deviation.
        #expect(abs(conv.reduce(0, +) / n) < 4 * std / n.squareRoot())
        let spread = (conv.reduce(0) { $0 + $1 * $1 } / n).squareRoot()
        #expect(abs(spread - std) < 4 * std / (2 * n).squareRoot())
        let linear = try #require(tensors["head.weight"])
        let bound = 1 / Float(1024).squareRoot()
        #expect(linear.allSatisfy { abs($0) <= bound })
        #expect(linear.contains { abs($0) > 0.95 * bound })
    }

    /// Numbers depend on seed and name alone.
    @Test func seeds() throws {
        func head(_ extra: Bool, seed: UInt64) throws -> [Float]? {
            var builder = GraphBuilder(input: .vector(8))
            if extra { builder.exit(builder.append(.linear(Linear(outFeatures: 3)), [0], name: "extra"), name: "exit0") }
            builder.exit(builder.append(.linear(Linear(outFeatures: 3)), [0], name: "head"), name: "exit1")
            let store = try ParameterStore(graph: builder.build())
            store.initialize(seed: seed)
            return store.tensors()["head.weight"]
        }
        #expect(try head(false, seed: 1) == head(true, seed: 1))
        #expect(try head(false, seed: 1) != head(false, seed: 2))
    }

    @Test func roundTrip() throws {
        let graph = try TrainingNetworkTests.network()
        let store = try ParameterStore(graph: graph)
        store.initialize(seed: 1)
        let copy = try ParameterStore(graph: graph, tensors: store.tensors())
        #expect(copy.tensors() == store.tensors())
        #expect(Array(copy.values) == Array(store.values))
        #expect(store.trainable.allSatisfy { $0.offset % 16 == 0 })
    }
}
