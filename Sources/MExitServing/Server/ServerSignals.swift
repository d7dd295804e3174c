#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import MExitParallel

/// SIGTERM and SIGINT for a process that finishes its work first: the first one calls back, the second one ends the process
/// at once. SIGHUP calls back each time. SIGPIPE is ignored, so that a closed pipe is an error of `write`.
///
/// The signals are blocked in every thread and taken by one that waits for nothing else: no code runs inside a signal
/// handler. Make it before any other thread is started.
public struct ServerSignals {
    private var set = sigset_t()

    public init() {
        _ = signal(SIGPIPE, SIG_IGN)
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        sigaddset(&set, SIGHUP)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// - Parameters:
    ///   - onEnd: called once, on a thread of its own, with the signal's name.
    ///   - onHangUp: called for every SIGHUP, on the same thread; must return soon.
    public func handle(onEnd: @escaping @Sendable (String) -> Void, onHangUp: @escaping @Sendable () -> Void) {
        // The thread lives as long as the process: nobody joins it.
        _ = WorkerThread { [set] in
            var set = set
            var hasBegun = false
            while true {
                let number = ServerSignals.wait(&set)
                if number == SIGHUP {
                    onHangUp()
                } else if hasBegun {
                    _exit(128 + number)
                } else {
                    hasBegun = true
                    onEnd(number == SIGTERM ? "SIGTERM" : "SIGINT")
                }
            }
        }
    }

    private static func wait(_ set: inout sigset_t) -> Int32 {
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }
}
