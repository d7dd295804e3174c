import CZlib

/// The three functions of zlib that the format needs. Pure, so that segments may be handled in parallel.
enum Zlib {
    /// CRC-32 as in zlib, PNG and Ethernet.
    static func crc32(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32_z(0, $0.baseAddress, $0.count)) }
    }

    /// The bytes as a zlib stream (RFC 1950).
    ///
    /// - Parameter level: 1 (fast) to 9 (small).
    static func deflate(_ bytes: [UInt8], level: Int) throws -> [UInt8] {
        let bound = Int(compressBound(uLong(bytes.count)))
        var status = Z_OK
        let result = [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            var written = uLong(bound)
            status = bytes.withUnsafeBufferPointer {
                compress2(output.baseAddress, &written, $0.baseAddress, uLong($0.count), Int32(level))
            }
            count = status == Z_OK ? Int(written) : 0
        }
        guard status == Z_OK else { throw CheckpointError(.io, "zlib cannot compress \(bytes.count) bytes: \(describe(status))") }
        return result
    }

    /// A byte of a zlib stream stands for at most this many: a match of 258 bytes takes at least two bits.
    static let largestRatio = 1032

    /// Inflates exactly `rawBytes` from a stream that is exactly `bytes`; never writes more.
    static func inflate(_ bytes: [UInt8], rawBytes: Int, what: String) throws -> [UInt8] {
        var status = Z_OK
        var consumed = uLong(bytes.count)
        let result = [UInt8](unsafeUninitializedCapacity: rawBytes) { output, count in
            var written = uLong(rawBytes)
            status = bytes.withUnsafeBufferPointer { uncompress2(output.baseAddress, &written, $0.baseAddress, &consumed) }
            count = status == Z_OK ? Int(written) : 0
        }
        guard status == Z_OK, result.count == rawBytes, Int(consumed) == bytes.count else {
            throw CheckpointError(
                .malformed,
                "\(what): its \(bytes.count) bytes inflate to \(status == Z_OK ? "\(result.count) bytes" : "no end (\(describe(status)))"); the file says \(rawBytes) bytes")
        }
        return result
    }

    private static func describe(_ status: Int32) -> String { String(cString: zError(status)) }
}
