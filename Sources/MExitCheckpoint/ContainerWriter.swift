import CMExitProto

/// Puts a `.mexit` file together: a kind, a message, and named tensors.
///
/// Tensors lie in the order in which they are added. The bytes depend on nothing but what is added: no time, no place.
/// docs/format.md describes the result.
public struct ContainerWriter: Sendable {
    /// Of zlib, for segments. Normally distributed f32 weights, shuffled, in shares of their size and ms per MB of one core:
    /// level 1 86.3 %, 23; 4 85.8 %, 26; 6 85.4 %, 55; 9 85.2 %, 167. Unshuffled, level 9 gives 92.8 %.
    public static let defaultLevel = 6

    public let kind: ContainerKind
    private let level: Int
    private var segments: [Segment] = []
    private var names: Set<String> = []
    private var area: [[UInt8]] = []
    private var areaBytes = 0
    private var rawBytes = 0

    /// - Parameter level: of zlib, 1 (fast) to 9 (small).
    public init(kind: ContainerKind, level: Int = ContainerWriter.defaultLevel) {
        precondition((1...9).contains(level), "zlib has levels 1 to 9")
        self.kind = kind
        self.level = level
    }

    /// Encodes and adds a tensor.
    ///
    /// - Parameters:
    ///   - dimensions: row-major, each at least 1, 1 to 8 of them; their product is `values.count`.
    ///   - stage: must not be smaller than that of the tensor before.
    ///   - storage: precision in the file.
    /// - Throws: ``CheckpointError`` when the name is taken or not allowed, a rule above is broken, or the storage cannot hold a value.
    /// - Complexity: O(values), for compression. Zeros that deflate to less than a reader believes are stored as they are.
    public mutating func append(name: String, dimensions: [Int], stage: Int, values: [Float], storage: TensorStorage = .f32) throws {
        let what = "tensor '\(name)'"
        try TextRules.checkName(name, "a tensor", limit: TextRules.largestSegmentNameBytes)
        guard names.insert(name).inserted else { throw CheckpointError(.malformed, "two tensors are named '\(name)'") }
        guard try Segment.count(of: dimensions, what: what) == values.count else {
            throw CheckpointError(.badModel, "\(what) has \(values.count) values for dimensions \(dimensions)")
        }
        guard stage >= segments.last?.stage ?? 0 else {
            throw CheckpointError(.badModel, "\(what) of stage \(stage) follows one of stage \(segments.last?.stage ?? 0); tensors lie in the order of stages")
        }
        guard segments.count < Segment.maximumSegments else {
            throw CheckpointError(.badModel, "\(what) is one too many; a file has at most \(Segment.maximumSegments) tensors")
        }
        let padding = -areaBytes & (ContainerHeader.alignment - 1)
        var encoded = try TensorCodec.encode(values, storage: storage, channels: dimensions[0], level: level, what: what)
        rawBytes += encoded.rawBytes
        if !Segment.isPossible(rawBytes: rawBytes, inFileOf: areaBytes + padding + encoded.stored.count) {
            encoded = try TensorCodec.encode(values, storage: storage, channels: dimensions[0], level: nil, what: what)
        }
        segments.append(
            Segment(
                name: name, dimensions: dimensions, stage: stage, storage: storage, codec: encoded.codec, scales: encoded.scales, offset: areaBytes + padding,
                storedBytes: encoded.stored.count, rawBytes: encoded.rawBytes, crc32: encoded.crc32))
        area.append([UInt8](repeating: 0, count: padding))
        area.append(encoded.stored)
        areaBytes += padding + encoded.stored.count
    }

    /// The whole file in memory.
    ///
    /// - Parameter content: the packed message of the kind.
    public func bytes(content: [UInt8]) throws -> [UInt8] { try parts(content: content).flatMap { $0 } }

    /// Writes the file, whole or not at all (``AtomicFile``).
    public func write(content: [UInt8], to path: String) throws {
        try CheckpointError.describing(path, .save) {
            let parts = try parts(content: content)
            try AtomicFile.write(to: path) { file in
                for part in parts { try file.write(part) }
            }
        }
    }

    private func parts(content: [UInt8]) throws -> [[UInt8]] {
        let message = try self.message(content: content)
        guard message.count <= ContainerHeader.largestMessageBytes else {
            throw CheckpointError(.badModel, "its message would have \(message.count) bytes; at most \(ContainerHeader.largestMessageBytes) are allowed")
        }
        let deflated = try Zlib.deflate(message, level: 9)
        let isDeflated = deflated.count < message.count
        let stored = isDeflated ? deflated : message
        var header = ContainerHeader(
            kind: kind, messageIsDeflated: isDeflated, messageStoredBytes: stored.count, messageRawBytes: message.count,
            fileBytes: ContainerHeader.bytes + stored.count, messageCRC32: Zlib.crc32(stored))
        header.version = segments.allSatisfy { $0.storage == .f32 } ? .first : .current
        var padding = 0
        if !segments.isEmpty {
            padding = header.segmentsStart - header.fileBytes
            header.fileBytes = header.segmentsStart + areaBytes
        }
        return [header.encoded(), stored, [UInt8](repeating: 0, count: padding)] + area
    }

    private func message(content: [UInt8]) throws -> [UInt8] {
        let arena = ProtoArena()
        let segmentMessages = try segments.map { try $0.message(arena: arena) as UnsafeMutablePointer<Mexit__Segment>? }
        let container = arena.make(mexit__container__init) {
            $0.content.len = content.count
            $0.content.data = arena.array(content)
            $0.n_segments = segmentMessages.count
            $0.segments = arena.array(segmentMessages)
        }
        return withExtendedLifetime(arena) {
            packed(mexit__container__get_packed_size(container)) { mexit__container__pack(container, $0) }
        }
    }
}

/// The bytes that a generated `..._pack` writes.
func packed(_ size: Int, _ pack: (UnsafeMutablePointer<UInt8>?) -> Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: size) { buffer, count in count = pack(buffer.baseAddress) }
}
