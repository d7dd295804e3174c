#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A file of little-endian float32 numbers and nothing else.
public enum FloatFile {
    /// - Throws: ``BenchmarkError`` when the file cannot be read or is no whole number of floats.
    public static func read(path: String) throws -> [Float] {
        guard let data = try? Data(contentsOf: URL(filePath: path)) else {
            throw BenchmarkError("cannot read inputs '\(path)'; check the path and its permissions")
        }
        guard data.count % 4 == 0 else {
            throw BenchmarkError("cannot read inputs '\(path)': \(data.count) bytes; float32 numbers take a multiple of 4")
        }
        return data.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { Float(bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))) }
        }
    }
}
