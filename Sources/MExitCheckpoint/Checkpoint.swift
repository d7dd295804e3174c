import MExitIR

/// Reads and writes models as `.mexit` files.
public enum Checkpoint {
    /// Reads a model whole.
    ///
    /// - Throws: ``CheckpointError``, for anything that a file can be: missing, of a newer version, cut, altered, hostile.
    ///   Memory stays within what the graph's own tensors take.
    /// - Parameter threads: that inflate tensors, while this runs; nil for one per processor, and no more than the work is worth.
    public static func read(path: String, threads: Int? = nil) throws -> Model { try CheckpointReader(path: path).readModel(threads: threads) }

    /// - Parameter name: what errors call the bytes.
    public static func read(bytes: [UInt8], name: String? = nil) throws -> Model {
        try CheckpointReader(bytes: bytes, name: name).readModel()
    }

    /// Writes a model; the file appears whole or not at all, and the same model gives the same bytes.
    ///
    /// - Parameter storage: precision of the weights of convolutions and linear layers in the file; all else is f32.
    /// - Throws: ``CheckpointError`` when the model breaks a rule (``Model/check()``), a name is not printable or over 200
    ///   bytes, the storage cannot hold a value, or the file cannot be written.
    public static func write(_ model: Model, to path: String, storage: TensorStorage = .f32) throws {
        try CheckpointError.describing(path, .save) {
            try container(model, storage).write(content: try ModelMessage.pack(ModelDescription(model)), to: path)
        }
    }

    /// The file's bytes.
    public static func bytes(_ model: Model, storage: TensorStorage = .f32) throws -> [UInt8] {
        try CheckpointError.describing(nil, .save) {
            try container(model, storage).bytes(content: try ModelMessage.pack(ModelDescription(model)))
        }
    }

    private static func container(_ model: Model, _ storage: TensorStorage) throws -> ContainerWriter {
        try model.check()
        var writer = ContainerWriter(kind: .model)
        try writer.append(parametersOf: model, storage: storage)
        return writer
    }
}

extension ContainerWriter {
    /// Adds the parameters of a model that passed ``Model/check()``, in the order of stages.
    ///
    /// - Parameter storage: of weights with several dimensions. Biases and batch norms are few, and their errors reach whole channels.
    mutating func append(parametersOf model: Model, storage: TensorStorage = .f32) throws {
        for entry in try TensorOrder.entries(of: model.graph) {
            guard let values = model.tensors[entry.spec.name] else {
                throw CheckpointError(.badModel, "tensor '\(entry.spec.name)' is missing")
            }
            try append(
                name: entry.spec.name, dimensions: entry.spec.dimensions, stage: entry.stage, values: values,
                storage: entry.spec.dimensions.count > 1 ? storage : .f32)
        }
    }
}
