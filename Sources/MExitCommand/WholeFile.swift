#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The bytes of a file, a pipe or a terminal's input, to their end.
///
/// - Returns: nil when it cannot be read, or has more than `maximumBytes`.
func wholeFile(_ path: String, maximumBytes: Int) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= maximumBytes {
        let got = read(descriptor, &part, part.count)
        if got == 0 { return bytes }
        if got < 0, errno == EINTR { continue }
        if got < 0 { return nil }
        bytes += part[..<got]
    }
    return nil
}
