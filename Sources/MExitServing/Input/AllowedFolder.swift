#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The one folder below which requests may name files.
///
/// A path is walked name by name from the opened folder; `..` and symbolic links are refused at every step. Nothing is
/// resolved first and opened later, so exchanging a folder for a link in between gains nothing.
final class AllowedFolder: Sendable {
    let path: String
    private let descriptor: Int32

    /// - Throws: ``SystemError`` when the folder cannot be opened.
    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw SystemError("open the folder '\(path)' of --allow-paths") }
    }

    deinit { close(descriptor) }

    /// The bytes of a regular file below the folder.
    ///
    /// - Throws: ``RequestError`` when the path leads out, or the file cannot be read or has over `maximumBytes`.
    func read(_ path: String, maximumBytes: Int) throws -> [UInt8] {
        let names = path.split(separator: "/", omittingEmptySubsequences: true).filter { $0 != "." }
        guard !path.hasPrefix("/"), !names.isEmpty, !names.contains(".."), !path.utf8.contains(0) else {
            throw RequestError(.forbidden, "the path '\(shown(path))' cannot be read: it must be relative to the allowed folder and without '..'")
        }
        var folder = descriptor
        defer { if folder != descriptor { close(folder) } }
        for name in names.dropLast() {
            let next = openat(folder, String(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard next >= 0 else { throw failure(path) }
            if folder != descriptor { close(folder) }
            folder = next
        }
        // Not blocking: a named pipe must not hold the thread up before it is refused.
        let file = openat(folder, String(names[names.count - 1]), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard file >= 0 else { throw failure(path) }
        defer { close(file) }
        return try contents(of: file, path, maximumBytes: maximumBytes)
    }

    private func contents(of file: Int32, _ path: String, maximumBytes: Int) throws -> [UInt8] {
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure(path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw RequestError(.badInput, "the path '\(shown(path))' cannot be read: it is no regular file")
        }
        let size = Int(status.st_size)
        guard size <= maximumBytes else {
            throw RequestError(.tooLarge, "the file '\(shown(path))' has \(size) bytes; at most \(maximumBytes) are read")
        }
        var failed: RequestError?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            while filled < size {
                let count = pread(file, buffer.baseAddress.map { $0 + filled }, size - filled, off_t(filled))
                if count < 0, errno == EINTR { continue }
                if count < 0 { failed = failure(path) }
                if count <= 0 { return }
                filled += count
            }
        }
        if let failed { throw failed }
        return bytes
    }

    private func failure(_ path: String) -> RequestError {
        switch errno {
        case ELOOP, ENOTDIR:
            RequestError(
                .forbidden,
                "the path '\(shown(path))' cannot be read: symbolic links are not followed, and every name but the last must be a folder")
        case let code: RequestError(.badInput, "the path '\(shown(path))' cannot be read: \(SystemError("", code: code).reason)")
        }
    }

    /// A path as errors show it: not longer than a screen.
    private func shown(_ path: String) -> String { path.count > 200 ? path.prefix(200) + "..." : path }
}
