import MExitCheckpoint
import MExitIR
import MExitTraining

/// The network to be measured.
public struct BenchmarkSubject: Sendable {
    /// The file's path or the architecture's name.
    public let name: String
    public let model: Model
    /// False for a network with random weights. They cost the same time: no kernel looks at values.
    public let isTrained: Bool

    init(name: String, model: Model, isTrained: Bool) {
        self.name = name
        self.model = model
        self.isTrained = isTrained
    }

    /// - Throws: what reading a checkpoint throws.
    public init(path: String) throws {
        self.init(name: path, model: try Checkpoint.read(path: path), isTrained: true)
    }

    /// A network with fresh weights.
    ///
    /// - Throws: `GraphError` when the architecture does not fit the input.
    public init(_ architecture: Architecture, classes: Int, input: Shape? = nil, seed: UInt64 = 0) throws {
        try self.init(graph: try architecture.graph(classes: classes, input: input), name: architecture.name, seed: seed)
    }

    public init(graph: Graph, name: String, seed: UInt64 = 0) throws {
        let parameters = try ParameterStore(graph: graph)
        parameters.initialize(seed: seed)
        let channels = graph.inputShape.channels
        let preprocessing = Preprocessing(
            mean: [Float](repeating: 0.5, count: channels), std: [Float](repeating: 0.25, count: channels))
        self.init(
            name: name, model: try Model(graph: graph, tensors: parameters.tensors(), preprocessing: preprocessing), isTrained: false)
    }

    /// Writes the model, random weights too, so that other programs can run the same.
    ///
    /// - Throws: what writing a checkpoint throws.
    public func write(to path: String) throws { try Checkpoint.write(model, to: path) }

    /// `count` inputs of random numbers between -1 and 1.
    func inputs(_ count: Int) -> [[Float]] {
        var random = RandomNumbers(seed: 1)
        return (0..<count).map { _ in random.floats(model.graph.inputShape.count) }
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers in every run.
struct RandomNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &self) } }
}
