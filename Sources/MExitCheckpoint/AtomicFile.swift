#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif
import Synchronization

/// A file that appears whole or not at all.
///
/// The bytes go to a temporary file in the same directory; it is flushed to the disk, renamed over the destination, and the
/// directory is flushed. On any error the temporary file is removed and a file that stood there stays as it was.
public enum AtomicFile {
    /// Takes the bytes, in order.
    public struct Writer: ~Copyable {
        let descriptor: Int32

        public mutating func write(_ bytes: [UInt8]) throws {
            try bytes.withUnsafeBytes { try SystemCalls.writeAll($0, to: descriptor) }
        }
    }

    /// Writes the file that `body` fills.
    ///
    /// A symbolic link is followed; what is not a regular file (a directory, a device) is refused. The permissions of an
    /// existing file are kept.
    ///
    /// - Throws: ``CheckpointError`` with code `io`, or what `body` throws.
    public static func write(to path: String, _ body: (inout Writer) throws -> Void) throws {
        try CheckpointError.describing(path, .save) {
            let (target, mode) = try destination(path)
            let (directory, name) = split(target)
            let (temporary, descriptor) = try create(for: name, mode: mode, in: directory)
            do {
                try fill(descriptor, body)
                try SystemCalls.retrying("renaming the temporary file failed") { rename(temporary, target) }
            } catch {
                unlink(temporary)
                throw error
            }
            try flushDirectory(directory)
        }
    }

    public static func write(_ bytes: [UInt8], to path: String) throws {
        try write(to: path) { try $0.write(bytes) }
    }

    private static let serial = Atomic<Int>(0)

    /// The number that was given to a temporary file last.
    static var lastNumber: Int { serial.load(ordering: .relaxed) }

    /// As much of a file's name as leaves room, in the 255 bytes of a name, for what is added to it.
    static func stem(_ name: Substring) -> Substring {
        var stem = name
        while stem.utf8.count > 200 { stem.removeLast() }
        return stem
    }

    /// Where the bytes shall stand in the end, and the permissions to give them.
    static func destination(_ path: String) throws -> (path: String, mode: mode_t?) {
        guard !path.isEmpty, !path.hasSuffix("/") else {
            throw CheckpointError(.io, "'\(path)' names a directory; give the name of a file")
        }
        var status = stat()
        guard stat(path, &status) == 0 else {
            // ENOENT also for a dangling link: renaming replaces the link, which loses nothing.
            if errno == ENOENT { return (path, nil) }
            throw SystemCalls.failure("looking it up failed")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw CheckpointError(.io, "it exists and is not a regular file; give another path")
        }
        guard let resolved = realpath(path, nil) else { throw SystemCalls.failure("looking it up failed") }
        defer { free(resolved) }
        return (String(cString: resolved), status.st_mode & 0o777)
    }

    static func split(_ path: String) -> (directory: String, name: Substring) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path[...]) }
        let directory = path[..<slash]
        return (directory.isEmpty ? "/" : String(directory), path[path.index(after: slash)...])
    }

    /// Makes the temporary file. The process id keeps processes apart, the number threads.
    private static func create(for name: Substring, mode: mode_t?, in directory: String) throws -> (path: String, descriptor: Int32) {
        var temporary = ""
        let descriptor = try SystemCalls.retrying("creating a file in '\(directory)' failed") {
            var opened: Int32
            repeat {
                // What a killed process left that had the same id, as those of containers have, is passed over.
                temporary = "\(directory)/.\(stem(name)).\(getpid()).\(serial.add(1, ordering: .relaxed).newValue).tmp"
                opened = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
            } while opened < 0 && errno == EEXIST
            return opened
        }
        // Best effort: a file system without permissions is no reason not to save.
        if let mode { _ = fchmod(descriptor, mode) }
        return (temporary, descriptor)
    }

    /// Runs `body`, flushes, closes.
    private static func fill(_ descriptor: Int32, _ body: (inout Writer) throws -> Void) throws {
        do {
            var writer = Writer(descriptor: descriptor)
            try body(&writer)
            try SystemCalls.retrying("flushing failed") { fsync(descriptor) }
        } catch {
            close(descriptor)
            throw error
        }
        // After EINTR the descriptor is gone all the same (Linux), so closing is never repeated.
        guard close(descriptor) == 0 || errno == EINTR else { throw SystemCalls.failure("closing failed") }
    }

    /// The rename itself must reach the disk. Some file systems cannot flush a directory; they say EINVAL.
    private static func flushDirectory(_ directory: String) throws {
        let descriptor = try SystemCalls.retrying("opening '\(directory)' failed") { open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 || errno == EINVAL || errno == EINTR else {
            throw SystemCalls.failure("flushing '\(directory)' failed")
        }
    }
}
