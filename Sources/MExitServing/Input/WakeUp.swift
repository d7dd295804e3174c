#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Wakes a thread that waits in `poll`: a pipe whose reading end becomes readable and stays so.
final class WakeUp: Sendable {
    /// To be polled for reading.
    let descriptor: Int32
    private let writing: Int32

    /// - Throws: ``SystemError`` when no descriptors are left.
    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw SystemError("make a pipe") }
        // A full pipe must not hold up who rings again: it is readable already.
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        descriptor = ends[0]
        writing = ends[1]
    }

    deinit {
        close(descriptor)
        close(writing)
    }

    /// May be called more than once, from any thread.
    func ring() {
        var byte: UInt8 = 1
        while write(writing, &byte, 1) < 0, errno == EINTR {}
    }
}
