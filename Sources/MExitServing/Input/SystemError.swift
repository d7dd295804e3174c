#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A system call that failed.
struct SystemError: Error, CustomStringConvertible {
    /// What was attempted.
    let action: String
    let code: Int32

    /// Takes the calling thread's errno.
    init(_ action: String, code: Int32 = errno) {
        self.action = action
        self.code = code
    }

    var description: String { "cannot \(action): \(reason)" }

    /// The system's words.
    var reason: String { String(cString: strerror(code)) }
}
