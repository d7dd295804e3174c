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
    let rawBytes: Int
    let crc32: UInt32
}

/// f32 tensors to bytes and back, lossless: every bit, also of NaNs. Pure functions.
enum TensorCodec {
    static let bytesPerElement = 4

    static func encode(_ values: [Float], level: Int) throws -> EncodedTensor {
        let planes = shuffle(values)
        let deflated = try Zlib.deflate(planes, level: level)
        let rawBytes = planes.count
        if deflated.count < rawBytes {
            return EncodedTensor(codec: .shuffleZlib, stored: deflated, rawBytes: rawBytes, crc32: Zlib.crc32(deflated))
        }
        let plain = littleEndian(values)
        return EncodedTensor(codec: .raw, stored: plain, rawBytes: rawBytes, crc32: Zlib.crc32(plain))
    }

    /// - Parameter count: elements; the stored bytes must decode to exactly so many.
    static func decode(_ stored: [UInt8], codec: SegmentCodec, count: Int, what: String) throws -> [Float] {
        switch codec {
        case .raw:
            guard stored.count == count * bytesPerElement else {
                throw CheckpointError(.malformed, "\(what): \(stored.count) bytes for \(count) elements; f32 takes \(bytesPerElement) each")
            }
            return fromLittleEndian(stored, count: count)
        case .shuffleZlib:
            return unshuffle(try Zlib.inflate(stored, rawBytes: count * bytesPerElement, what: what), count: count)
        }
    }

    /// `[byte 0 of all, byte 1 of all, ...]`, byte 0 the least significant.
    static func shuffle(_ values: [Float]) -> [UInt8] {
        let count = values.count
        return [UInt8](unsafeUninitializedCapacity: count * bytesPerElement) { output, initialised in
            for plane in 0..<bytesPerElement {
                for index in 0..<count {
                    output[plane * count + index] = UInt8(truncatingIfNeeded: values[index].bitPattern >> (8 * plane))
                }
            }
            initialised = count * bytesPerElement
        }
    }

    static func unshuffle(_ planes: [UInt8], count: Int) -> [Float] {
        precondition(planes.count == count * bytesPerElement)
        return planes.withUnsafeBufferPointer { planes in
            [Float](unsafeUninitializedCapacity: count) { output, initialised in
                for index in 0..<count {
                    let low = UInt32(planes[index]) | UInt32(planes[count + index]) << 8
                    let high = UInt32(planes[2 * count + index]) | UInt32(planes[3 * count + index]) << 8
                    output[index] = Float(bitPattern: low | high << 16)
                }
                initialised = count
            }
        }
    }

    private static func littleEndian(_ values: [Float]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count * bytesPerElement)
        for value in values { bytes.append(littleEndian: value.bitPattern) }
        return bytes
    }

    private static func fromLittleEndian(_ bytes: [UInt8], count: Int) -> [Float] {
        (0..<count).map { Float(bitPattern: bytes.littleEndian(at: $0 * bytesPerElement)) }
    }
}
