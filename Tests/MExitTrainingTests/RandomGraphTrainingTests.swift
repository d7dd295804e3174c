import MExitIR
import MExitParallel
import Testing
import _MExitTestSupport

@testable import MExitTraining

/// What may come as JSON is trained as any architecture is: graphs that nobody would draw.
@Suite struct RandomGraphTrainingTests {
    /// Finite differences need smooth functions, also where a batch norm's channel hardly varies.
    private static func smooth(_ graph: Graph) throws -> Graph {
        try Graph(
            nodes: graph.nodes.map { node in
                var node = node
                switch node.operation {
                case .activation: node.operation = .activation(.tanh)
                case .maxPool(let pool): node.operation = .averagePool(pool)
                case .batchNorm: node.operation = .batchNorm(epsilon: 0.3)
                default: break
                }
                return node
            }, exits: graph.exits)
    }

    @Test(arguments: 0..<8) func gradients(part: UInt64) throws {
        for seed in part * 25..<(part + 1) * 25 {
            let graph = try Self.smooth(try randomGraph(seed: seed))
            let found = try GradientCase(graph, batch: 5, seed: seed).mismatches()
            #expect(found.isEmpty, "randomGraph(seed: \(seed)): \(found.prefix(3))")
        }
    }

    /// The trainer's evaluation gives the logits of the reference in double precision.
    @Test(arguments: 0..<8) func evaluation(part: UInt64) throws {
        for seed in part * 50..<(part + 1) * 50 {
            let model = try randomModel(try randomGraph(seed: seed), seed: seed)
            let graph = model.graph
            let parameters = try ParameterStore(graph: graph)
            try parameters.assign(model.tensors)
            let network = try TrainingNetwork(parameters: parameters, batch: 3, pool: WorkerPool(threads: 1))
            var generator = SeededGenerator(seed: ~seed)
            let inputs = (0..<3).map { _ in generator.floats(graph.inputShape.count, -2...2) }
            for (sample, values) in inputs.enumerated() { GradientCase.fill(network, sample: sample, with: values) }
            network.forward(count: 3, training: false)
            for (sample, values) in inputs.enumerated() {
                let truth = ReferenceNetwork(model).values(for: values)
                let scale = truth.joined().reduce(1) { max($0, abs($1)) }
                for (number, exit) in graph.exits.enumerated() {
                    let found = Array(network.logits(exit: number)[sample * graph.classCount..<(sample + 1) * graph.classCount])
                    let expected = truth[exit.logits]
                    try assertClose(found, expected, within: expected.map { _ in 2e-5 * scale }, "randomGraph(seed: \(seed)), exit \(number)")
                }
            }
        }
    }
}
