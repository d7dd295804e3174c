import CMExitProto
import MExitIR

/// A tensor's place in a file.
public struct Segment: Hashable, Sendable {
    /// Unique in the file; parameters: `<node name>.<role>`.
    public let name: String
    /// Row-major, each at least 1.
    public let dimensions: [Int]
    /// Index of the first stage that needs it; the number of exits for what no stage needs.
    public let stage: Int
    public let storage: TensorStorage
    public let codec: SegmentCodec
    /// One per channel (first dimension) for int8, else none.
    let scales: [Float]
    /// From the start of the segments' area.
    let offset: Int
    /// In the file.
    public let storedBytes: Int
    /// Of the elements in their storage, before they are compressed.
    public let rawBytes: Int
    let crc32: UInt32

    /// Number of elements.
    public var count: Int { rawBytes / storage.bytesPerElement }

    /// Elements that one segment may have at most, as ``Shape/maximumCount``.
    static let maximumCount = Shape.maximumCount
    static let maximumDimensions = 8
    /// Four for each node that a graph may have, and as many again thrice for an optimiser.
    static let maximumSegments = 1 << 20

    /// All tensors together inflate to at most so many times the bytes of the file and 1 MiB. Zeros deflate a thousandfold; but
    /// weights do not, and a file that someone sends must not fill the memory of who opens it.
    static let largestRatio = 64

    static func isPossible(rawBytes: Int, inFileOf fileBytes: Int) -> Bool {
        (rawBytes + largestRatio - 1) / largestRatio <= fileBytes + (1 << 20)
    }

    /// The product of the dimensions, or an error.
    static func count(of dimensions: [Int], what: String) throws -> Int {
        var count = 1
        for dimension in dimensions {
            let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
            guard dimension >= 1, !overflow, product <= maximumCount else {
                throw CheckpointError(.malformed, "\(what) has dimensions \(dimensions); each must be at least 1, their product at most \(maximumCount)")
            }
            count = product
        }
        guard (1...maximumDimensions).contains(dimensions.count) else {
            throw CheckpointError(.malformed, "\(what) has \(dimensions.count) dimensions; 1 ... \(maximumDimensions) are allowed")
        }
        return count
    }
}

extension Segment {
    func message(arena: ProtoArena) throws -> UnsafeMutablePointer<Mexit__Segment> {
        let dims = dimensions.map { UInt64($0) }
        return try arena.make(mexit__segment__init) {
            $0.name = arena.string(name)
            $0.n_dims = dims.count
            $0.dims = arena.array(dims)
            $0.storage = Mexit__Storage(rawValue: numericCast(storage.number))
            $0.codec = codec == .raw ? MEXIT__CODEC__RAW : MEXIT__CODEC__SHUFFLE_ZLIB
            $0.stage = try unsigned(stage, "\(name): stage")
            $0.offset = UInt64(offset)
            $0.stored_bytes = UInt64(storedBytes)
            $0.raw_bytes = UInt64(rawBytes)
            $0.crc32 = crc32
            $0.n_scales = scales.count
            $0.scales = arena.array(scales)
        }
    }

    init(decoding message: Mexit__Segment, index: Int) throws {
        name = try decodedName(message.name, "tensor \(index)", limit: TextRules.largestSegmentNameBytes)
        let what = "tensor '\(name)'"
        guard message.n_dims <= Segment.maximumDimensions else {
            throw CheckpointError(.malformed, "\(what) has \(message.n_dims) dimensions; at most \(Segment.maximumDimensions) are allowed")
        }
        dimensions = try repeated(message.dims, message.n_dims).map { try integer($0, "\(what): a dimension") }
        guard let storage = TensorStorage(number: UInt32(message.storage.rawValue)) else {
            throw CheckpointError(.unsupportedFeature, "\(what) has storage \(message.storage.rawValue); this build knows 1 (f32), 2 (f16), 3 (bf16) and 4 (int8)")
        }
        self.storage = storage
        guard let codec = SegmentCodec(rawValue: UInt32(message.codec.rawValue)) else {
            throw CheckpointError(.unsupportedFeature, "\(what) has codec \(message.codec.rawValue); this build knows 1 (raw) and 2 (shuffle+zlib)")
        }
        self.codec = codec
        stage = Int(message.stage)
        offset = try integer(message.offset, "\(what): its offset")
        storedBytes = try integer(message.stored_bytes, "\(what): its stored bytes")
        rawBytes = try integer(message.raw_bytes, "\(what): its raw bytes")
        crc32 = message.crc32
        let count = try Segment.count(of: dimensions, what: what)
        guard rawBytes == count * storage.bytesPerElement else {
            throw CheckpointError(.malformed, "\(what) has \(rawBytes) raw bytes; its \(count) elements take \(count * storage.bytesPerElement) as \(storage)")
        }
        let channels = storage == .int8 ? dimensions[0] : 0
        guard message.n_scales == channels else {
            throw CheckpointError(.malformed, "\(what) has \(message.n_scales) scales; \(storage) of dimensions \(dimensions) has \(channels)")
        }
        scales = Array(repeated(message.scales, message.n_scales))
        if let scale = scales.first(where: { !($0.isFinite && $0 >= 0) }) {
            throw CheckpointError(.malformed, "\(what) has the scale \(scale); each must be finite and at least 0")
        }
        // The second rule bounds the memory that a small file can ask for.
        guard codec == .raw ? storedBytes == rawBytes : storedBytes < rawBytes && rawBytes / Zlib.largestRatio <= storedBytes else {
            throw CheckpointError(.malformed, "\(what) stores \(rawBytes) bytes in \(storedBytes) with codec \(codec.description), which is not possible")
        }
    }
}
