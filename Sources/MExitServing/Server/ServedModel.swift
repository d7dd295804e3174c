import MExitIR
import MExitRuntime

/// A compiled model with what its file says of itself.
public struct ServedModel: Sendable {
    /// What clients see as its name, for example the file's name.
    public let name: String
    public let compiled: CompiledModel
    public let provenance: Provenance
    /// Version of the server program.
    public let version: String

    /// - Throws: ``RuntimeError`` or `GraphError` when the model cannot be compiled.
    public init(_ model: Model, name: String, version: String) throws {
        self.name = name
        compiled = try CompiledModel(model)
        provenance = model.provenance
        self.version = version
    }
}
