import MExitIR
import Testing

@testable import MExitTraining

@Suite struct OptimizerTests {
    private func parameters(_ values: [Float]) throws -> ParameterStore {
        var builder = GraphBuilder(input: .vector(values.count))
        builder.exit(builder.append(.linear(Linear(outFeatures: 1, hasBias: false)), [0], name: "a"), name: "exit0")
        return try ParameterStore(graph: try builder.build(), tensors: ["a.weight": values])
    }

    /// torch.optim.SGD written out in double.
    private func reference(_ w: [Float], gradients: [[Float]], rate: Double, _ options: SGDOptions) -> [Double] {
        var w = w.map(Double.init)
        var v: [Double]?
        for gradient in gradients {
            let g = zip(gradient, w).map { Double($0) + options.weightDecay * $1 }
            // PyTorch starts the buffer with the first gradient, which is the same as starting from zero without dampening.
            v = v.map { zip($0, g).map { options.momentum * $0 + $1 } } ?? g
            for i in w.indices { w[i] -= rate * (options.nesterov ? g[i] + options.momentum * (v?[i] ?? 0) : (v?[i] ?? 0)) }
        }
        return w
    }

    @Test(arguments: [
        SGDOptions(momentum: 0, weightDecay: 0), SGDOptions(momentum: 0.9, weightDecay: 0),
        SGDOptions(momentum: 0.9, weightDecay: 0.01), SGDOptions(momentum: 0.8, weightDecay: 0.1, nesterov: true),
    ])
    func stepsAsPyTorch(options: SGDOptions) throws {
        let start: [Float] = [1, -2, 0.5, 3, 0]
        let gradients: [[Float]] = [[0.5, 1, -1, 0, 2], [-0.25, 1, 0, 1, 2], [1, 1, 1, 1, -3], [0, 0, 0, 0, 0]]
        let parameters = try parameters(start)
        let sgd = try SGD(parameters: parameters, options: options)
        for gradient in gradients {
            var gradient = gradient
            gradient.withUnsafeMutableBufferPointer { sgd.step(0, gradient: $0, rate: 0.1) }
        }
        for (value, expected) in zip(parameters.tensor(0), reference(start, gradients: gradients, rate: 0.1, options)) {
            #expect(abs(Double(value) - expected) <= 4e-6, "\(options)")
        }
    }

    @Test func handValues() throws {
        let parameters = try parameters([1])
        let sgd = try SGD(parameters: parameters, options: SGDOptions(momentum: 0.5, weightDecay: 0, nesterov: true))
        var gradient: [Float] = [1]
        // v = 1, w = 1 - 0.25 (1 + 0.5) = 0.625; then v = 1.5, w = 0.625 - 0.25 (1 + 0.75) = 0.1875: all exact.
        for expected: Float in [0.625, 0.1875] {
            gradient.withUnsafeMutableBufferPointer { sgd.step(0, gradient: $0, rate: 0.25) }
            #expect(parameters.tensor(0)[0] == expected)
        }
        #expect(sgd.velocity.floats[0] == 1.5)
    }

    @Test func impossibleNumbersAreRefused() {
        for options in [
            SGDOptions(momentum: 1), SGDOptions(momentum: -0.1), SGDOptions(momentum: .nan), SGDOptions(weightDecay: -1),
            SGDOptions(weightDecay: .infinity), SGDOptions(momentum: 0, nesterov: true),
        ] {
            #expect(throws: TrainingError.self, "\(options)") { try options.check() }
        }
    }
}
