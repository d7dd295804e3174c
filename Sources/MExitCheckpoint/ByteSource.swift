#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Bytes to read from: a file, read where and when it is needed, or memory.
struct ByteSource: Sendable {
    /// Owns a descriptor. It is only read with `pread`, which moves no shared position, so threads may share it.
    private final class File: Sendable {
        let descriptor: Int32
        init(descriptor: Int32) { self.descriptor = descriptor }
        deinit { close(descriptor) }
    }

    private enum Storage: Sendable {
        case file(File)
        case memory([UInt8])
    }

    private let storage: Storage
    let count: Int

    init(bytes: [UInt8]) {
        storage = .memory(bytes)
        count = bytes.count
    }

    init(path: String) throws {
        let file = File(descriptor: try SystemCalls.retrying("opening failed") { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) })
        var status = stat()
        guard fstat(file.descriptor, &status) == 0 else { throw SystemCalls.failure("looking it up failed") }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CheckpointError(.io, "it is not a regular file; a checkpoint is read at many places, so copy it into a file first")
        }
        storage = .file(file)
        count = Int(status.st_size)
    }

    /// The bytes of a range that the caller has checked against ``count``.
    func read(_ range: Range<Int>) throws -> [UInt8] {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "a range outside the file was not checked")
        // An array made for no elements writes to memory that all empty arrays share: harmless, and still a race.
        if range.isEmpty { return [] }
        switch storage {
        case .memory(let bytes):
            return Array(bytes[range])
        case .file(let file):
            return try [UInt8](unsafeUninitializedCapacity: range.count) { buffer, initialised in
                try SystemCalls.readAll(UnsafeMutableRawBufferPointer(buffer), from: file.descriptor, at: range.lowerBound)
                initialised = range.count
            }
        }
    }
}
