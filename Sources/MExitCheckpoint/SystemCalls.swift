#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The calls of the operating system that files need, each with EINTR handled and its error number made a sentence.
enum SystemCalls {
    /// The error that `errno` tells of: `<what> failed: No space left on device`.
    static func failure(_ what: String) -> CheckpointError {
        CheckpointError(.io, "\(what): \(String(cString: strerror(errno)))")
    }

    /// Repeats a call that a signal interrupted; throws on any other failure.
    @discardableResult
    static func retrying<Result: SignedInteger>(_ what: String, _ call: () -> Result) throws -> Result {
        while true {
            let result = call()
            if result >= 0 { return result }
            if errno != EINTR { throw failure(what) }
        }
    }

    /// Writes all the bytes, however many calls that takes.
    static func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(1 << 30))
            let written = try retrying("writing failed") { write(descriptor, part.baseAddress, part.count) }
            guard written > 0 else { throw CheckpointError(.io, "writing failed: the device took no bytes") }
            rest = rest.dropFirst(written)
        }
    }

    /// Reads exactly `bytes.count` bytes at `offset`, or throws: a file that shrank is truncated.
    static func readAll(_ bytes: UnsafeMutableRawBufferPointer, from descriptor: Int32, at offset: Int) throws {
        var done = 0
        while done < bytes.count {
            let wanted = min(bytes.count - done, 1 << 30)
            let read = try retrying("reading failed") {
                pread(descriptor, bytes.baseAddress.map { $0 + done }, wanted, off_t(offset + done))
            }
            guard read > 0 else {
                throw CheckpointError(.truncated, "the file ended at byte \(offset + done) while it was read; it was cut meanwhile")
            }
            done += read
        }
    }
}
