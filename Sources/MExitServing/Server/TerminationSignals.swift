#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import MExitParallel

/// SIGTERM and SIGINT for a process that finishes its work first: the first one calls back, the second one ends the process
/// at once. SIGPIPE is ignored, so that a closed pipe is an error of `write`.
///
/// The signals are blocked in every thread and taken by one that waits for nothing else: no code runs inside a signal
/// handler. Make it before any other thread is started.
public struct TerminationSignals {
    private var set = sigset_t()

    public init() {
        _ = signal(SIGPIPE, SIG_IGN)
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// - Parameter body: called once, on a thread of its own, with the signal's name.
    public func onFirst(_ body: @escaping @Sendable (String) -> Void) {
        // The thread lives as long as the process: nobody joins it.
        _ = WorkerThread { [set] in
            var set = set
            body(TerminationSignals.wait(&set) == SIGTERM ? "SIGTERM" : "SIGINT")
            _exit(128 + TerminationSignals.wait(&set))
        }
    }

    private static func wait(_ set: inout sigset_t) -> Int32 {
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }
}
