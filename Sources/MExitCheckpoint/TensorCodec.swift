/// How the elements of a segment lie in the file.
public enum SegmentCodec: UInt32, Hashable, Sendable {
    /// Elements as they are, little-endian.
    case raw = 1
    /// Byte planes, deflated: signs and exponents of weights are alike, so they compress well once they stand together.
    /// The shuffle is that of HDF5 and Blosc.
    case shuffleZlib = 2

    public var description: String {
        switch self {
        case .raw: "raw"
        case .shuffleZlib: "shuffle+zlib"
        }
    }
}

/// A tensor's bytes, ready for the file.
struct EncodedTensor: Sendable {
    let codec: SegmentCodec
    let stored: [UInt8]
    /// One per channel for int8, else empty.
    let scales: [Float]
    let rawBytes: Int
    let crc32: UInt32
}

/// Tensors to bytes and back; with storage f32 lossless: every bit, also of NaNs. Pure functions.
enum TensorCodec {
    /// - Parameters:
    ///   - channels: the first dimension; divides the number of values.
    ///   - level: of zlib; nil for elements as they are.
    ///   - what: how errors name the tensor.
    /// - Throws: ``CheckpointError`` for a value that the storage cannot hold.
    static func encode(
        _ values: [Float], storage: TensorStorage = .f32, channels: Int = 1, level: Int?, what: String = "the tensor"
    ) throws -> EncodedTensor {
        let elements = try StoredElements(values, as: storage, channels: channels, what: what)
        let rawBytes = values.count * storage.bytesPerElement
        let deflated = try level.map { try Zlib.deflate(shuffle(elements.words, width: storage.bytesPerElement), level: $0) }
        let smaller = deflated.flatMap { $0.count < rawBytes ? $0 : nil }
        let stored = smaller ?? littleEndian(elements.words, width: storage.bytesPerElement)
        return EncodedTensor(
            codec: smaller == nil ? .raw : .shuffleZlib, stored: stored, scales: elements.scales, rawBytes: rawBytes, crc32: Zlib.crc32(stored))
    }

    /// - Parameter count: elements; the stored bytes must decode to exactly so many.
    static func decode(
        _ stored: [UInt8], codec: SegmentCodec, storage: TensorStorage = .f32, scales: [Float] = [], count: Int, what: String
    ) throws -> [Float] {
        let rawBytes = count * storage.bytesPerElement
        switch codec {
        case .raw:
            guard stored.count == rawBytes else {
                throw CheckpointError(.malformed, "\(what): \(stored.count) bytes for \(count) elements; \(storage) takes \(storage.bytesPerElement) each")
            }
            return StoredElements.values(of: stored, storage: storage, scales: scales, count: count, inPlanes: false)
        case .shuffleZlib:
            let planes = try Zlib.inflate(stored, rawBytes: rawBytes, what: what)
            return StoredElements.values(of: planes, storage: storage, scales: scales, count: count, inPlanes: true)
        }
    }

    /// `[byte 0 of all, byte 1 of all, ...]`, byte 0 the least significant.
    private static func shuffle(_ words: [UInt32], width: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: words.count * width) { output, initialised in
            for plane in 0..<width {
                for index in words.indices { output[plane * words.count + index] = UInt8(truncatingIfNeeded: words[index] >> (8 * UInt32(plane))) }
            }
            initialised = words.count * width
        }
    }

    private static func littleEndian(_ words: [UInt32], width: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: words.count * width) { output, initialised in
            for index in words.indices {
                for byte in 0..<width { output[index * width + byte] = UInt8(truncatingIfNeeded: words[index] >> (8 * UInt32(byte))) }
            }
            initialised = words.count * width
        }
    }
}
