#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Why a file cannot be read whole.
struct WholeFileError: Error {
    let problem: String
}

/// The bytes of a file, a pipe or a terminal's input, to their end.
func wholeFile(_ path: String, maximumBytes: Int) throws(WholeFileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw WholeFileError(problem: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= maximumBytes {
        let got = read(descriptor, &part, part.count)
        if got == 0 { return bytes }
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { throw WholeFileError(problem: String(cString: strerror(errno))) }
        bytes += part[..<got]
    }
    throw WholeFileError(problem: "it has more than \(maximumBytes >> 20) MiB")
}
