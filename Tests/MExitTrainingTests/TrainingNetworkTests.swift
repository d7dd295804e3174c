import MExitIR
import MExitParallel
import MExitTraining
import Testing

@Suite struct TrainingNetworkTests {
    static func network() throws -> Graph {
        var builder = GraphBuilder(input: .map(channels: 3, height: 9, width: 8))
        let stem = builder.convNormRelu(0, 6, kernel: 3, padding: 1, name: "stem")
        let a = builder.convNormRelu(stem, 5, kernel: 3, padding: 1, name: "a")
        let cat = builder.append(.concat, [stem, a], name: "cat")
        let pool = builder.append(.maxPool(Pool2D(kernel: 2, stride: 2)), [cat], name: "pool")
        builder.exit(builder.append(.linear(Linear(outFeatures: 4)), [builder.append(.flatten, [pool], name: "f0")], name: "h0"), name: "e0")
        let b = builder.convNormRelu(cat, 7, kernel: 3, stride: 2, padding: 1, name: "b")
        let gap = builder.append(.globalAveragePool, [b], name: "gap")
        builder.exit(builder.append(.linear(Linear(outFeatures: 4)), [builder.append(.flatten, [gap], name: "f1")], name: "h1"), name: "e1")
        return try builder.build()
    }

    @Test func onlyReachingExitsHaveGradients() throws {
        let parameters = try ParameterStore(graph: Self.network())
        let gradients = try ExitGradients(parameters: parameters)
        let exits = Dictionary(uniqueKeysWithValues: zip(parameters.trainable.map(\.spec.name), gradients.tensors.map(\.exits)))
        #expect(exits["stem.conv.weight"] == [0, 1])
        #expect(exits["h0.weight"] == [0])
        #expect(exits["b.norm.bias"] == [1])
    }

    /// Sum of the exits' gradients = gradient of the summed loss, which one joint sweep computes.
    @Test func jointGradientIsTheSum() throws {
        let graph = try Self.network()
        let separate = try GradientCase(graph, batch: 10)
        let joint = try GradientCase(graph, batch: 10, groups: [0, 0])
        separate.runBackward()
        joint.runBackward()
        for t in separate.parameters.trainable.indices {
            let parts = [separate.gradient(t, loss: 0), separate.gradient(t, loss: 1)]
            let total = joint.gradient(t, loss: 0)
            let scale = max(parts[0].map(abs).max() ?? 0, parts[1].map(abs).max() ?? 0)
            for i in total.indices {
                #expect(abs(parts[0][i] + parts[1][i] - total[i]) <= 1e3 * Float.ulpOfOne * scale)
            }
        }
    }

    @Test(arguments: [2, 3]) func sameBitsForAnyThreads(threads: Int) throws {
        let graph = try Self.network()
        let one = try GradientCase(graph, batch: 21)
        let many = try GradientCase(graph, batch: 21, threads: threads)
        for _ in 0..<2 {
            one.runBackward()
            many.runBackward()
            #expect(Array(one.gradients.values) == Array(many.gradients.values))
            #expect(Array(one.parameters.statisticsValues) == Array(many.parameters.statisticsValues))
            #expect(one.gradients.values.contains { $0 != 0 })
        }
    }

    /// The capacity of a network does not change what a smaller batch gives.
    @Test func sameBitsForAnyCapacity() throws {
        let graph = try Self.network()
        let exact = try GradientCase(graph, batch: 5)
        let parameters = try ParameterStore(graph: graph, tensors: exact.parameters.tensors())
        let large = try TrainingNetwork(parameters: parameters, batch: 30, pool: WorkerPool(threads: 2))
        for sample in 0..<5 {
            let floats = Int(large.inputMap.channel_stride) * 3 - 2 * Int(large.inputMap.row_stride)
            large.inputPointer(sample: sample).update(from: exact.network.inputPointer(sample: sample), count: floats)
        }
        exact.network.forward(count: 5, training: true)
        large.forward(count: 5, training: true)
        #expect(Array(exact.network.logits(exit: 1)) == Array(large.logits(exit: 1)))
    }

    @Test func evaluationOfOneSampleDoesNotDependOnTheBatch() throws {
        let graph = try Self.network()
        let test = try GradientCase(graph, batch: 13)
        for _ in 0..<3 { test.network.forward(count: 13, training: true) }
        test.network.forward(count: 13, training: false)
        let all = graph.exits.indices.map { Array(test.network.logits(exit: $0)) }
        test.network.forward(count: 1, training: false)
        for exit in graph.exits.indices {
            #expect(Array(test.network.logits(exit: exit)) == Array(all[exit].prefix(4)))
        }
        // Running statistics differ from the batch's, and so do the logits.
        test.network.forward(count: 13, training: true)
        #expect(Array(test.network.logits(exit: 0)) != all[0])
    }

    /// Running statistics after one step, and normalised outputs, against sums in double.
    @Test func batchNormStatistics() throws {
        var builder = GraphBuilder(input: .map(channels: 2, height: 3, width: 3))
        let norm = builder.append(.batchNorm(epsilon: 1e-5), [0], name: "norm")
        builder.exit(builder.append(.flatten, [norm], name: "flat"), name: "exit")
        let graph = try builder.build()
        let parameters = try ParameterStore(graph: graph)
        parameters.initialize(seed: 3)
        let batch = 11
        let network = try TrainingNetwork(parameters: parameters, batch: batch, pool: WorkerPool(threads: 1))
        var random = TestRandom(5)
        var samples: [[Float]] = []
        for sample in 0..<batch {
            // A mean far from the running mean of 0 tries the one-pass variance.
            samples.append(random.vector(18).enumerated().map { $0 < 9 ? $1 + 300 : 0.01 * $1 - 2 })
            let (pointer, map) = (network.inputPointer(sample: sample), network.inputMap)
            for i in 0..<18 { pointer[i / 9 * Int(map.channel_stride) + i % 9 / 3 * Int(map.row_stride) + i % 3] = samples[sample][i] }
        }
        network.forward(count: batch, training: true)
        for c in 0..<2 {
            let values = samples.flatMap { $0[c * 9..<c * 9 + 9].map(Double.init) }
            let mean = values.reduce(0, +) / Double(values.count)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
            let unbiased = variance * Double(values.count) / Double(values.count - 1)
            #expect(abs(Double(parameters.statisticsValues[parameters.statistics[0].offset + c]) - 0.1 * mean) < 1e-6 * abs(mean))
            let running = Double(parameters.statisticsValues[parameters.statistics[1].offset + c])
            #expect(abs(running - (0.9 + 0.1 * unbiased)) < 1e-6)
            for (n, sample) in samples.enumerated() {
                for i in c * 9..<c * 9 + 9 {
                    let expected = (Double(sample[i]) - mean) / (variance + 1e-5).squareRoot()
                    // The shift is rounded relative to mean / std.
                    let tolerance = 4 * 0x1p-24 * (abs(mean) / variance.squareRoot() + 2)
                    #expect(abs(Double(network.logits(exit: 0)[n * 18 + i]) - expected) < tolerance)
                }
            }
        }
    }

    @Test func badSizesAreErrors() throws {
        let parameters = try ParameterStore(graph: Self.network())
        let pool = WorkerPool(threads: 1)
        #expect(throws: NetworkError.self) { try TrainingNetwork(parameters: parameters, batch: 0, pool: pool) }
        #expect(throws: NetworkError.self) { try TrainingNetwork(parameters: parameters, batch: 4, pool: pool, groups: [0]) }
        #expect(throws: NetworkError.self) { try TrainingNetwork(parameters: parameters, batch: 4, pool: pool, groups: [0, 2]) }
        #expect(throws: NetworkError.self) { try ParameterStore(graph: Self.network(), tensors: [:]) }
    }
}
