#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

import MExitParallel

/// A fixed number of floats on a 64-byte boundary, zero at first, given back with the object.
///
/// Unchecked: base and count are constants; who touches which floats when is settled by the owner.
public final class AlignedBuffer: @unchecked Sendable {
    /// All floats; valid as long as the buffer lives.
    public let floats: UnsafeMutableBufferPointer<Float>

    /// - Throws: ``NetworkError`` when the system has no such memory.
    public init(count: Int) throws {
        let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Float>.stride)
        guard !overflow, bytes <= SystemMemory.available, let raw = AlignedMemory.allocate(bytes: bytes) else {
            throw NetworkError("cannot get memory for \(count) floats; use a smaller batch or network")
        }
        floats = UnsafeMutableBufferPointer(start: raw.bindMemory(to: Float.self, capacity: max(count, 1)), count: count)
    }

    deinit { free(floats.baseAddress) }
}

/// Memory from the system; give it back with `free`.
enum AlignedMemory {
    /// A page of the large kind, on most machines.
    private static let hugePage = 1 << 21

    /// Zeroed bytes on a 64-byte boundary, or nil. Large blocks ask for huge pages: planes of many channels lie on as many
    /// small pages, more than a processor remembers the addresses of.
    static func allocate(bytes: Int) -> UnsafeMutableRawPointer? {
        let isLarge = bytes >= 2 * hugePage
        var raw: UnsafeMutableRawPointer?
        guard posix_memalign(&raw, isLarge ? hugePage : 64, bytes) == 0, let raw else { return nil }
        #if os(Linux)
            // Advice: where the system refuses, small pages serve.
            if isLarge { _ = madvise(raw, bytes, 14 /* MADV_HUGEPAGE */) }
        #endif
        memset(raw, 0, bytes)
        return raw
    }
}

/// Why a network cannot be trained as asked; the message names the part and the rule.
public struct NetworkError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}
