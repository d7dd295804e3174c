#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Threads under a real-time policy (SCHED_FIFO, SCHED_RR; see chrt(1)) keep their processor until they wait: another one of the
/// same priority does not interrupt them.
package enum RealTime {
    /// Whether the calling thread is one.
    package static var isOn: Bool {
        var policy: Int32 = 0
        var parameters = sched_param()
        guard pthread_getschedparam(pthread_self(), &policy, &parameters) == 0 else { return false }
        return policy == SCHED_FIFO || policy == SCHED_RR
    }

    /// Puts the calling thread behind those of the same priority that wait for its processor; returns at once where there are
    /// none. Under the usual policies a thread would give away milliseconds to any program: not for them.
    package static func letOthersRun() { sched_yield() }
}
