#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A fixed number of floats on a 64-byte boundary, zero at first, given back with the object.
///
/// Unchecked: base and count are constants; who touches which floats when is settled by the owner.
public final class AlignedBuffer: @unchecked Sendable {
    /// All floats; valid as long as the buffer lives.
    public let floats: UnsafeMutableBufferPointer<Float>

    /// - Throws: ``NetworkError`` when the system has no such memory.
    public init(count: Int) throws {
        let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
        var raw: UnsafeMutableRawPointer?
        guard !overflow, posix_memalign(&raw, 64, bytes) == 0, let raw else {
            throw NetworkError("cannot get memory for \(count) floats; use a smaller batch or network")
        }
        memset(raw, 0, bytes)
        floats = UnsafeMutableBufferPointer(start: raw.bindMemory(to: Float.self, capacity: max(count, 1)), count: count)
    }

    deinit { free(floats.baseAddress) }
}

/// Why a network cannot be trained as asked; the message names the part and the rule.
public struct NetworkError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}
