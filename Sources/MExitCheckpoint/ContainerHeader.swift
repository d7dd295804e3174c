/// What a file holds.
public struct ContainerKind: Hashable, Sendable, CustomStringConvertible {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A network, ready to run.
    public static let model = ContainerKind(rawValue: 1)
    /// A network in training, with all that is needed to go on.
    public static let trainingState = ContainerKind(rawValue: 2)

    public var description: String {
        switch self {
        case .model: "a model"
        case .trainingState: "a training state"
        default: "kind \(rawValue)"
        }
    }
}

/// The fixed start of a file; docs/format.md draws it. All numbers little-endian:
///
///      0  "MEXIT"               16  u64 stored bytes of the message   44  zeros
///      5  u8  kind              24  u64 raw bytes of the message      60  u32 CRC-32 of all before
///      6  u16 major, u16 minor  32  u64 bytes of the file
///     10  u16 header bytes      40  u32 CRC-32 of the stored message
///     12  u32 message codec (0 stored, 1 zlib)
///
/// Magic, kind, version, header bytes and the CRC in the last 4 of them are for ever, so that any reader can tell a newer
/// file from a damaged one.
struct ContainerHeader: Hashable, Sendable {
    static let magic: [UInt8] = Array("MEXIT".utf8)
    static let bytes = 64
    /// A header may grow in a minor version, not without end.
    static let largestBytes = 4096
    static let alignment = 64
    /// Of the message, stored and inflated; far above a graph with the most nodes allowed that anyone would write.
    static let largestMessageBytes = 64 << 20

    var kind: ContainerKind
    var version = FormatVersion.current
    var headerBytes = ContainerHeader.bytes
    var messageIsDeflated: Bool
    var messageStoredBytes: Int
    var messageRawBytes: Int
    var fileBytes: Int
    var messageCRC32: UInt32

    func encoded() -> [UInt8] {
        var bytes = ContainerHeader.magic
        bytes.append(kind.rawValue)
        bytes.append(littleEndian: version.major)
        bytes.append(littleEndian: version.minor)
        bytes.append(littleEndian: UInt16(headerBytes))
        bytes.append(littleEndian: UInt32(messageIsDeflated ? 1 : 0))
        bytes.append(littleEndian: UInt64(messageStoredBytes))
        bytes.append(littleEndian: UInt64(messageRawBytes))
        bytes.append(littleEndian: UInt64(fileBytes))
        bytes.append(littleEndian: messageCRC32)
        bytes += [UInt8](repeating: 0, count: headerBytes - 4 - bytes.count)
        bytes.append(littleEndian: Zlib.crc32(bytes))
        return bytes
    }

    /// Reads and checks the header, and that the file is as long as it says.
    init(reading source: ByteSource) throws {
        let start = try source.read(0..<min(source.count, ContainerHeader.bytes))
        guard start.starts(with: ContainerHeader.magic) else {
            throw CheckpointError(.notACheckpoint, "it does not start with MEXIT; it is no .mexit file, or its start is damaged")
        }
        guard start.count == ContainerHeader.bytes else {
            throw CheckpointError(.truncated, "it has \(source.count) bytes; the header alone takes \(ContainerHeader.bytes)")
        }
        let size = Int(start.littleEndian(at: 10, as: UInt16.self))
        guard (ContainerHeader.bytes...ContainerHeader.largestBytes).contains(size), size % 4 == 0 else {
            throw CheckpointError(.damaged, "the header says that it has \(size) bytes; it must be a multiple of 4 in \(ContainerHeader.bytes) ... \(ContainerHeader.largestBytes)")
        }
        guard size <= source.count else {
            throw CheckpointError(.truncated, "it has \(source.count) bytes; the header alone takes \(size)")
        }
        let header = try source.read(0..<size)
        guard Zlib.crc32(Array(header[..<(size - 4)])) == header.littleEndian(at: size - 4, as: UInt32.self) else {
            throw CheckpointError(.damaged, "the header's checksum does not match; the file is damaged, fetch it again")
        }
        version = FormatVersion(major: header.littleEndian(at: 6), minor: header.littleEndian(at: 8))
        guard version.major == FormatVersion.current.major else {
            throw CheckpointError(
                .unsupportedVersion,
                "format version \(version), this build reads up to \(FormatVersion.current.major).x; use a newer mexit, or export the model again with this one")
        }
        kind = ContainerKind(rawValue: header[5])
        headerBytes = size
        switch header.littleEndian(at: 12, as: UInt32.self) {
        case 0: messageIsDeflated = false
        case 1: messageIsDeflated = true
        case let codec: throw CheckpointError(.unsupportedFeature, "its message has codec \(codec); this build knows 0 (stored) and 1 (zlib)")
        }
        func bytes(at offset: Int, _ name: String) throws -> Int {
            let value: UInt64 = header.littleEndian(at: offset)
            guard let size = Int(exactly: value), size <= Int.max / 4 else {
                throw CheckpointError(.malformed, "the header gives \(value) as \(name); that is more than a file can have")
            }
            return size
        }
        messageStoredBytes = try bytes(at: 16, "the message's stored bytes")
        messageRawBytes = try bytes(at: 24, "the message's raw bytes")
        fileBytes = try bytes(at: 32, "the bytes of the file")
        messageCRC32 = header.littleEndian(at: 40)
        try checkSizes(actual: source.count)
    }

    private func checkSizes(actual: Int) throws {
        guard fileBytes == actual else {
            let trouble = actual < fileBytes ? "it was cut; fetch it again" : "bytes follow its end; remove them"
            throw CheckpointError(.truncated, "it has \(actual) bytes, its header says \(fileBytes): \(trouble)")
        }
        // The first rule is for files with holes, which cost their sender nothing.
        guard messageStoredBytes <= ContainerHeader.largestMessageBytes, messageStoredBytes <= fileBytes - headerBytes else {
            throw CheckpointError(
                .malformed,
                "its message takes \(messageStoredBytes) bytes; at most \(ContainerHeader.largestMessageBytes) are allowed, and the file has \(fileBytes - headerBytes) behind the header")
        }
        guard messageRawBytes <= ContainerHeader.largestMessageBytes,
            messageIsDeflated ? messageRawBytes / Zlib.largestRatio <= messageStoredBytes : messageRawBytes == messageStoredBytes
        else {
            throw CheckpointError(
                .malformed,
                "its message of \(messageStoredBytes) stored bytes is said to have \(messageRawBytes) raw bytes; at most \(ContainerHeader.largestMessageBytes) are allowed, as many as stored when it is not deflated")
        }
    }

    init(kind: ContainerKind, messageIsDeflated: Bool, messageStoredBytes: Int, messageRawBytes: Int, fileBytes: Int, messageCRC32: UInt32) {
        self.kind = kind
        self.messageIsDeflated = messageIsDeflated
        self.messageStoredBytes = messageStoredBytes
        self.messageRawBytes = messageRawBytes
        self.fileBytes = fileBytes
        self.messageCRC32 = messageCRC32
    }

    /// Where the segments' area starts.
    var segmentsStart: Int { (headerBytes + messageStoredBytes + ContainerHeader.alignment - 1) & ~(ContainerHeader.alignment - 1) }
}
