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

/// Turns the first SIGINT or SIGTERM into a wish that training asks for behind each step; the second ends the process at once.
enum Interruption {
    static var isWished: Bool { wasInterrupted.load(ordering: .relaxed) }

    static func watch() {
        // Initialises the global here, because a signal handler must not.
        wasInterrupted.store(false, ordering: .relaxed)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                wasInterrupted.store(true, ordering: .relaxed)
                signal(number, SIG_DFL)
            }
        }
    }
}
