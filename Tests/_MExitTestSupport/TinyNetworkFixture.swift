import MExitIR

/// msdnet-tiny with the numbers that tools/fixtures/msdnet.py gives it, and what PyTorch computed with them.
public struct TinyNetworkFixture: Sendable {
    public let file: FixtureFile
    public let graph: Graph
    public let seed: UInt64

    public init() throws {
        file = try FixtureFile("msdnet-tiny")
        seed = try file.metadata("seed")
        graph = try Architectures.preset(named: "msdnet-tiny").graph(classes: try file.metadata("classes"))
    }

    /// Samples of the batch whose logits, losses and gradients are stored.
    public var batch: Int { get throws { try file.metadata("batch") } }

    /// Every parameter by name; the twin of `initial` in msdnet.py.
    public func tensors() -> [String: [Float]] {
        var result: [String: [Float]] = [:]
        for spec in graph.parameters {
            let random = CounterRandom(name: spec.name, seed: seed)
            let shape = spec.dimensions
            let number: (Int) -> Double
            switch (shape.count, spec.role) {
            case (4, _):
                let scale = (18 / Double(shape[1] * shape[2] * shape[3])).squareRoot()
                number = { random.normal($0) * scale }
            case (2, _):
                let scale = (0.25 / Double(shape[1])).squareRoot()
                number = { random.normal($0) * scale }
            case (_, .weight): number = { random.uniform($0) + 0.5 }
            case (_, .bias): number = { random.uniform($0) - 0.5 }
            case (_, .runningMean): number = { random.normal($0) * 0.75 }
            case (_, .runningVariance): number = { random.uniform($0) * 12 + 6 }
            }
            result[spec.name] = (0..<spec.count).map { Float(number($0)) }
        }
        return result
    }

    public func model() throws -> Model {
        try Model(graph: graph, tensors: tensors(), preprocessing: Preprocessing(mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]))
    }

    /// Labels of a batch: "" or ".step0" and so on.
    public func labels(_ suffix: String, count: Int) -> [Int32] {
        let random = CounterRandom(name: "labels" + suffix, seed: seed)
        return (0..<count).map { Int32(random.uniform($0) * Double(graph.classCount)) }
    }

    /// Images of a batch, one `[3, 32, 32]` each: half noise, half squares of 8 x 8 pixels that belong to the label.
    public func images(_ suffix: String, count: Int) -> [[Float]] {
        let noise = CounterRandom(name: "images" + suffix, seed: seed)
        return labels(suffix, count: count).enumerated().map { sample, label in
            let pattern = CounterRandom(name: "pattern.\(label)", seed: seed)
            return (0..<3 * 32 * 32).map { i in
                let (c, y, x) = (i / 1024, i / 32 % 32, i % 32)
                return Float(noise.normal(sample * 3072 + i) * 0.5 + pattern.normal((c * 4 + y / 8) * 4 + x / 8))
            }
        }
    }
}
