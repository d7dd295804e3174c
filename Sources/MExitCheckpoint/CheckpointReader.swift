import CMExitProto
import MExitIR

/// Opens a model's checkpoint: its description at once, its tensors when asked, stage by stage or all.
///
/// Since tensors lie in the order of stages, reading stage 0 touches only the start of the file: a runtime can answer from
/// exit 0 while the rest is still on the disk.
public struct CheckpointReader: Sendable {
    public let description: ModelDescription
    /// The stages of all exits (``Graph/stages(exits:)``), in which ``readTensors(stage:)`` counts.
    public let stages: [Stage]
    public let container: ContainerReader

    /// - Throws: ``CheckpointError``. Cost: O(graph); no tensor is read.
    public init(path: String) throws { try self.init(container: try ContainerReader(path: path)) }

    /// - Parameter name: what errors call the bytes.
    public init(bytes: [UInt8], name: String? = nil) throws { try self.init(container: try ContainerReader(bytes: bytes, name: name)) }

    private init(container: ContainerReader) throws {
        self.container = container
        (description, stages) = try CheckpointError.describing(container.path, .load) {
            guard container.kind == .model else {
                throw CheckpointError(.wrongKind, "it is \(container.kind), not a model\(container.kind == .trainingState ? "; go on training from it with --resume" : "")")
            }
            let description = try ModelMessage.unpack(container.content)
            try TensorOrder.check(container.segments, of: description.graph)
            return (description, try description.graph.stages())
        }
    }

    /// The segments of a stage; of tensors that no stage needs for `stages.count`.
    public func segments(stage: Int) -> [Segment] { container.segments.filter { $0.stage == stage } }

    /// The tensors that a stage needs and no earlier one needed, by name.
    ///
    /// - Parameters:
    ///   - stage: 0 ..< `stages.count`; `stages.count` for the tensors that no stage needs.
    ///   - threads: that inflate them; nil for one per processor, and no more than the work is worth.
    /// - Throws: ``CheckpointError`` when bytes were altered.
    public func readTensors(stage: Int, threads: Int? = nil) throws -> [String: [Float]] {
        precondition((0...stages.count).contains(stage), "stage \(stage) of \(stages.count)")
        return try values(of: segments(stage: stage), threads)
    }

    /// The whole model.
    ///
    /// - Parameter threads: as for ``readTensors(stage:threads:)``.
    public func readModel(threads: Int? = nil) throws -> Model {
        let tensors = try values(of: container.segments, threads)
        return try CheckpointError.describing(container.path, .load) { try description.model(tensors: tensors) }
    }

    /// Checks every byte of the file, without decoding the tensors.
    public func verify() throws { try container.segments.forEach(container.verify) }

    private func values(of segments: [Segment], _ threads: Int?) throws -> [String: [Float]] {
        let values = try container.values(of: segments, threads: threads)
        return Dictionary(zip(segments.lazy.map(\.name), values)) { first, _ in first }
    }
}

/// The packed `mexit.Model`.
enum ModelMessage {
    static func pack(_ description: ModelDescription) throws -> [UInt8] {
        let arena = ProtoArena()
        let message = try description.message(arena: arena)
        return withExtendedLifetime(arena) { packed(mexit__model__get_packed_size(message)) { mexit__model__pack(message, $0) } }
    }

    static func unpack(_ bytes: [UInt8]) throws -> ModelDescription {
        try UnpackBudget.withAllocator { allocator in
            guard let message = bytes.withUnsafeBufferPointer({ mexit__model__unpack(allocator, $0.count, $0.baseAddress) }) else {
                throw CheckpointError(.malformed, "its content is no mexit.Model, or takes over \(UnpackBudget.bytes) bytes of memory")
            }
            defer { mexit__model__free_unpacked(message, allocator) }
            try WireTexts.check(bytes[...], as: message.pointee.base.descriptor)
            return try ModelDescription(decoding: message.pointee)
        }
    }
}
