import MExitIR

/// Reads and writes models as `.mexit` files.
public enum Checkpoint {
    /// Reads a model whole.
    ///
    /// - Throws: ``CheckpointError``, for anything that a file can be: missing, of a newer version, cut, altered, hostile.
    ///   Memory stays within what the graph's own tensors take.
    public static func read(path: String) throws -> Model { try CheckpointReader(path: path).readModel() }

    /// - Parameter name: what errors call the bytes.
    public static func read(bytes: [UInt8], name: String? = nil) throws -> Model {
        try CheckpointReader(bytes: bytes, name: name).readModel()
    }

    /// Writes a model; the file appears whole or not at all, and the same model gives the same bytes.
    ///
    /// - Throws: ``CheckpointError`` when the model breaks a rule (``Model/check()``), a name is not printable or over 200
    ///   bytes, or the file cannot be written.
    public static func write(_ model: Model, to path: String) throws {
        try CheckpointError.describing(path, .save) {
            try container(model).write(content: try ModelMessage.pack(ModelDescription(model)), to: path)
        }
    }

    /// The file's bytes.
    public static func bytes(_ model: Model) throws -> [UInt8] {
        try CheckpointError.describing(nil, .save) {
            try container(model).bytes(content: try ModelMessage.pack(ModelDescription(model)))
        }
    }

    private static func container(_ model: Model) throws -> ContainerWriter {
        try model.check()
        var writer = ContainerWriter(kind: .model)
        try writer.append(parametersOf: model)
        return writer
    }
}

extension ContainerWriter {
    /// Adds the parameters of a model that passed ``Model/check()``, in the order of stages.
    mutating func append(parametersOf model: Model) throws {
        for entry in try TensorOrder.entries(of: model.graph) {
            guard let values = model.tensors[entry.spec.name] else {
                throw CheckpointError(.badModel, "tensor '\(entry.spec.name)' is missing")
            }
            try append(name: entry.spec.name, dimensions: entry.spec.dimensions, stage: entry.stage, values: values)
        }
    }
}
