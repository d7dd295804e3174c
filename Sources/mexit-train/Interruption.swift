#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Synchronization

/// Set by the first SIGINT or SIGTERM.
private let wasInterrupted = Atomic<Bool>(false)

/// Turns the first SIGINT or SIGTERM into a wish that training asks for after each step; the second ends the process at once.
enum Interruption {
    static var isWished: Bool { wasInterrupted.load(ordering: .relaxed) }

    static func watch() {
        // Initialises the global here, because a signal handler must not.
        wasInterrupted.store(false, ordering: .relaxed)
        // A file that grows beyond a limit (ulimit -f) is then an error of the write, as a full disk is.
        _ = signal(SIGXFSZ, SIG_IGN)
        // And so is metrics' pipe whose reader has gone.
        _ = signal(SIGPIPE, SIG_IGN)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                wasInterrupted.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }
}
