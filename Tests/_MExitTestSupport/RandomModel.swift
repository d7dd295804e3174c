import MExitIR

/// A model with random numbers that keep values near 1 from layer to layer, and batch norms that do something.
public func randomModel(_ graph: Graph, seed: UInt64, policies: [NamedPolicy] = []) throws -> Model {
    var generator = SeededGenerator(seed: seed)
    var tensors: [String: [Float]] = [:]
    for spec in graph.parameters {
        let fanIn = max(1, spec.count / max(1, spec.dimensions[0]))
        switch (spec.role, graph.nodes[spec.node].operation) {
        case (.weight, .batchNorm): tensors[spec.name] = generator.floats(spec.count, 0.5...1.5)
        case (.weight, _):
            let limit = (6 / Float(fanIn)).squareRoot()
            tensors[spec.name] = generator.floats(spec.count, -limit...limit)
        case (.bias, _), (.runningMean, _): tensors[spec.name] = generator.floats(spec.count, -0.5...0.5)
        case (.runningVariance, _): tensors[spec.name] = generator.floats(spec.count, 0.5...2)
        }
    }
    let channels = graph.inputShape.channels
    return try Model(
        graph: graph, tensors: tensors,
        preprocessing: Preprocessing(mean: (0..<channels).map { 0.4 + 0.05 * Float($0) }, std: (0..<channels).map { 0.2 + 0.02 * Float($0) }),
        classNames: (0..<graph.classCount).map { "class\($0)" }, policies: policies)
}
