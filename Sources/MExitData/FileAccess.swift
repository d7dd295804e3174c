// Reading files and folders with POSIX calls: tens of thousands of small files are read, and Foundation's per-file cost shows.
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Reads a whole regular file.
///
/// - Throws: ``DataError`` with code `unreadable`, or `imageTooLarge` when it has more than `maximumBytes` bytes.
func readFile(_ path: String, maximumBytes: Int) throws -> [UInt8] {
    // O_NONBLOCK: opening a named pipe must fail below, not wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unreadable(path, errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw unreadable(path, errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
        throw DataError(.unreadable, "cannot read '\(path)': it is not a regular file")
    }
    let size = Int(status.st_size)
    guard size <= maximumBytes else {
        throw DataError(.imageTooLarge, "cannot read '\(path)': it has \(size) bytes; at most \(maximumBytes) are accepted")
    }
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
        while filled < size, let start = buffer.baseAddress {
            let got = read(descriptor, start + filled, size - filled)
            if got < 0, errno == EINTR { continue }
            if got < 0 { failure = errno }
            if got <= 0 { return }
            filled += got
        }
    }
    guard failure == 0 else { throw unreadable(path, failure) }
    return bytes
}

/// Whether a path leads to a folder.
func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// Tells folders apart, whatever paths lead to them.
struct FolderIdentity: Hashable {
    private let device: UInt64
    private let number: UInt64

    /// Nil when the path leads to nothing.
    init?(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        device = UInt64(truncatingIfNeeded: status.st_dev)
        number = UInt64(truncatingIfNeeded: status.st_ino)
    }
}

/// Whether a path leads to anything.
func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// One name in a folder.
struct FolderEntry {
    let name: String
    let isFolder: Bool
}

/// The names in a folder, hidden ones left out, sorted by their UTF-8 bytes (which is also the order of code points, hence
/// Python's and torchvision's).
func listFolder(_ path: String) throws -> [FolderEntry] {
    guard let folder = opendir(path) else { throw unreadable(path, errno) }
    defer { closedir(folder) }
    var entries: [FolderEntry] = []
    while let entry = readdir(folder) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        if name.hasPrefix(".") { continue }
        let type = Int(entry.pointee.d_type)
        // Links, and file systems that do not tell, need a look at the target.
        let known = type == Int(DT_DIR) || type == Int(DT_REG)
        entries.append(FolderEntry(name: name, isFolder: known ? type == Int(DT_DIR) : isFolder("\(path)/\(name)")))
    }
    return entries.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
}

private func unreadable(_ path: String, _ code: Int32) -> DataError {
    // What is not UTF-8 in a name has become this character, and the name that of no file.
    let remedy = path.contains("\u{FFFD}") ? "; its name is not UTF-8: rename it" : ""
    return DataError(.unreadable, "cannot read '\(path)': \(String(cString: strerror(code)))\(remedy)")
}
