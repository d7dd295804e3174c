import MExitIR

/// All that is needed to go on training as if it had never stopped: the network, the optimiser's tensors, and named numbers.
///
/// The format gives no meaning to the names: the trainer does.
public struct TrainingState: Hashable, Sendable {
    /// A tensor that is no parameter of the network, such as a momentum buffer.
    public struct Tensor: Hashable, Sendable {
        /// Row-major, each at least 1.
        public var dimensions: [Int]
        public var values: [Float]

        public init(dimensions: [Int], values: [Float]) {
            self.dimensions = dimensions
            self.values = values
        }
    }

    public var model: Model
    /// By name ("momentum/stem.weight"); a name must not be that of a parameter of the model.
    public var tensors: [String: Tensor]
    /// Steps, epochs, data position, words of random generators.
    public var counters: [String: UInt64]
    /// Learning rates, best accuracy; every bit is kept.
    public var numbers: [String: Double]
    /// Configuration; at most 64 KiB each.
    public var texts: [String: String]

    public init(
        model: Model, tensors: [String: Tensor] = [:], counters: [String: UInt64] = [:], numbers: [String: Double] = [:],
        texts: [String: String] = [:]
    ) {
        self.model = model
        self.tensors = tensors
        self.counters = counters
        self.numbers = numbers
        self.texts = texts
    }

    /// Writes the state; the file appears whole or not at all, and the same state gives the same bytes.
    ///
    /// Gradients' averages hardly compress, and a state is written often: zlib's fastest level is used.
    ///
    /// - Throws: ``CheckpointError``.
    public func write(to path: String) throws {
        try CheckpointError.describing(path, .save) { try container().write(content: try TrainingStateMessage.pack(self), to: path) }
    }

    /// The file's bytes.
    public func bytes() throws -> [UInt8] {
        try CheckpointError.describing(nil, .save) { try container().bytes(content: try TrainingStateMessage.pack(self)) }
    }

    /// - Throws: ``CheckpointError``, as ``Checkpoint/read(path:)``.
    public static func read(path: String) throws -> TrainingState { try read(try ContainerReader(path: path)) }

    /// - Parameter name: what errors call the bytes.
    public static func read(bytes: [UInt8], name: String? = nil) throws -> TrainingState {
        try read(try ContainerReader(bytes: bytes, name: name))
    }

    private static func read(_ container: ContainerReader) throws -> TrainingState {
        try CheckpointError.describing(container.path, .load) {
            guard container.kind == .trainingState else {
                throw CheckpointError(.wrongKind, "it is \(container.kind), not a training state; give the file that --state wrote")
            }
            var (description, state) = try TrainingStateMessage.unpack(container.content)
            let parameters = Set(description.graph.parameters.map(\.name))
            try TensorOrder.check(container.segments.filter { parameters.contains($0.name) }, of: description.graph)
            var values: [String: [Float]] = [:]
            for (segment, elements) in zip(container.segments, try container.values(of: container.segments)) {
                if parameters.contains(segment.name) {
                    values[segment.name] = elements
                } else {
                    state.tensors[segment.name] = Tensor(dimensions: segment.dimensions, values: elements)
                }
            }
            return TrainingState(
                model: try description.model(tensors: values), tensors: state.tensors, counters: state.counters, numbers: state.numbers,
                texts: state.texts)
        }
    }

    private func container() throws -> ContainerWriter {
        try model.check()
        var writer = ContainerWriter(kind: .trainingState, level: 1)
        try writer.append(parametersOf: model)
        // Behind all stages: the last stage number there is.
        for (name, tensor) in tensors.sorted(by: { TextRules.precedes($0.key, $1.key) }) {
            try writer.append(name: name, dimensions: tensor.dimensions, stage: model.graph.exits.count, values: tensor.values)
        }
        return writer
    }
}
