import CMExitProto

/// Opens a `.mexit` file of any kind: reads and checks header, message and the directory of tensors; reads tensors when
/// asked.
///
/// Nothing is believed before it is checked: every length against the file, every tensor's bytes against its dimensions and
/// against what zlib can expand to, and that segments neither overlap nor leave room between them for other bytes.
public struct ContainerReader: Sendable {
    /// nil for bytes in memory.
    public let path: String?
    public let kind: ContainerKind
    public let version: FormatVersion
    public let fileBytes: Int
    /// The message's bytes in the file.
    public let messageStoredBytes: Int
    /// The packed message of the kind.
    public let content: [UInt8]
    /// In the order of the file, which is that of stages.
    public let segments: [Segment]
    private let header: ContainerHeader
    private let source: ByteSource

    /// - Throws: ``CheckpointError``. Cost: O(header and message), no tensor is read.
    public init(path: String) throws {
        self = try CheckpointError.describing(path, .load) { try ContainerReader(source: try ByteSource(path: path), path: path) }
    }

    /// - Parameter name: what errors call the bytes.
    public init(bytes: [UInt8], name: String? = nil) throws {
        self = try CheckpointError.describing(name, .load) { try ContainerReader(source: ByteSource(bytes: bytes), path: name) }
    }

    private init(source: ByteSource, path: String?) throws {
        let header = try ContainerHeader(reading: source)
        let stored = try source.read(header.headerBytes..<(header.headerBytes + header.messageStoredBytes))
        guard Zlib.crc32(stored) == header.messageCRC32 else {
            throw CheckpointError(.damaged, "the message's checksum does not match; the file is damaged, fetch it again")
        }
        let message = header.messageIsDeflated ? try Zlib.inflate(stored, rawBytes: header.messageRawBytes, what: "the message") : stored
        (content, segments) = try ContainerReader.unpack(message)
        self.path = path
        self.source = source
        self.header = header
        kind = header.kind
        version = header.version
        fileBytes = header.fileBytes
        messageStoredBytes = header.messageStoredBytes
        try checkDirectory()
    }

    private static func unpack(_ message: [UInt8]) throws -> (content: [UInt8], segments: [Segment]) {
        try UnpackBudget.withAllocator { allocator in
            guard let container = message.withUnsafeBufferPointer({ mexit__container__unpack(allocator, $0.count, $0.baseAddress) }) else {
                throw CheckpointError(.malformed, "its message is no mexit.Container, or takes over \(UnpackBudget.bytes) bytes of memory")
            }
            defer { mexit__container__free_unpacked(container, allocator) }
            try WireTexts.check(message[...], as: container.pointee.base.descriptor)
            guard container.pointee.n_segments <= Segment.maximumSegments else {
                throw CheckpointError(.malformed, "it has \(container.pointee.n_segments) tensors; at most \(Segment.maximumSegments) are allowed")
            }
            let segments = try repeated(container.pointee.segments, container.pointee.n_segments).enumerated().map { index, segment in
                guard let segment = segment?.pointee else { throw CheckpointError(.malformed, "tensor \(index) is missing") }
                return try Segment(decoding: segment, index: index)
            }
            return (Array(UnsafeBufferPointer(start: container.pointee.content.data, count: container.pointee.content.len)), segments)
        }
    }

    /// Segments stand one behind the other, each at the next multiple of 64, up to the end of the file.
    private func checkDirectory() throws {
        var names = Set<String>()
        var end = 0
        var stage = 0
        var rawBytes = 0
        for segment in segments {
            let what = "tensor '\(segment.name)'"
            guard names.insert(segment.name).inserted else { throw CheckpointError(.malformed, "two tensors are named '\(segment.name)'") }
            guard segment.stage >= stage else {
                throw CheckpointError(.malformed, "\(what) of stage \(segment.stage) follows one of stage \(stage); tensors lie in the order of stages")
            }
            guard let start = align(end, to: ContainerHeader.alignment), segment.offset == start else {
                throw CheckpointError(.malformed, "\(what) is at offset \(segment.offset); it must be at the multiple of \(ContainerHeader.alignment) that follows the tensor before, which ends at \(end)")
            }
            let (next, overflow) = start.addingReportingOverflow(segment.storedBytes)
            guard !overflow, next <= fileBytes else {
                throw CheckpointError(.malformed, "\(what) of \(segment.storedBytes) bytes at offset \(segment.offset) ends behind the file's \(fileBytes) bytes")
            }
            end = next
            stage = segment.stage
            rawBytes += segment.rawBytes
        }
        guard Segment.isPossible(rawBytes: rawBytes, inFileOf: fileBytes) else {
            throw CheckpointError(.malformed, "its tensors inflate to \(rawBytes) bytes; a file of \(fileBytes) bytes may ask for at most \(Segment.largestRatio) times that and \(Segment.largestRatio) MiB")
        }
        let expected = segments.isEmpty ? header.headerBytes + messageStoredBytes : header.segmentsStart + end
        guard expected == fileBytes else {
            throw CheckpointError(.malformed, "its parts end at byte \(expected), the file at \(fileBytes); no other bytes are allowed")
        }
        if !segments.isEmpty { try checkZeros((header.headerBytes + messageStoredBytes)..<header.segmentsStart) }
    }

    /// The elements of a tensor, which must be one of ``segments``.
    ///
    /// - Throws: ``CheckpointError`` when its bytes were altered.
    public func values(of segment: Segment) throws -> [Float] {
        try CheckpointError.describing(path, .load) {
            try TensorCodec.decode(
                storedBytes(of: segment), codec: segment.codec, storage: segment.storage, scales: segment.scales, count: segment.count,
                what: "tensor '\(segment.name)'")
        }
    }

    /// Checks the stored bytes of a tensor against their CRC-32, without decoding them.
    public func verify(_ segment: Segment) throws {
        try CheckpointError.describing(path, .load) { _ = try storedBytes(of: segment) }
    }

    private func storedBytes(of segment: Segment) throws -> [UInt8] {
        let start = header.segmentsStart + segment.offset
        let end = start + segment.storedBytes
        let stored = try source.read(start..<end)
        guard Zlib.crc32(stored) == segment.crc32 else {
            throw CheckpointError(.damaged, "the checksum of tensor '\(segment.name)' (bytes \(start) to \(end)) does not match; the file is damaged, fetch it again")
        }
        if let next = align(end, to: ContainerHeader.alignment), next < fileBytes { try checkZeros(end..<next) }
        return stored
    }

    /// Padding has no checksum, so it must be zero: no byte of a file can change unseen.
    private func checkZeros(_ range: Range<Int>) throws {
        if let index = try source.read(range).firstIndex(where: { $0 != 0 }) {
            throw CheckpointError(.damaged, "byte \(range.lowerBound + index) is padding and must be 0; the file is damaged, fetch it again")
        }
    }
}
