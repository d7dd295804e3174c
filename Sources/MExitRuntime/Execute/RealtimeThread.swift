#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Threads that keep their processor: for answers that must be in time while other programs compute.
///
/// An ordinary thread shares the processors. Where all are busy, the system takes one away for some milliseconds whenever its
/// thread's turn is over, and a network of a tenth of a millisecond that is under way is late, whatever was predicted. A real-time
/// thread (POSIX `SCHED_FIFO`) runs before all ordinary ones; it waits for interrupts and for threads of a higher level only.
///
/// It takes permission: root, `CAP_SYS_NICE`, or a limit above 0 for real-time priority (`ulimit -r`; `rtprio` in limits.conf;
/// `LimitRTPRIO=` in systemd). Linux lets real-time threads compute for at most 95 % of each second
/// (`kernel.sched_rt_runtime_us`) in order to stay usable: a thread that answers without rest is held up once per second.
///
/// Without permission, `sched_yield()` before each answer helps: the others take their turns then, and this thread goes on with a
/// whole turn of its own, in which an answer of less than a millisecond is seldom interrupted. The deadline has to count from there.
///
/// `chrt -f 1 PROGRAM` does the same for a whole program that was not written for it.
public enum RealtimeThread {
    /// Makes the calling thread one. Threads that it starts from now on are too: make an ``InferenceContext`` of several threads
    /// afterwards.
    ///
    /// - Parameter level: among real-time threads, 1 (the lowest) ... 99. More than 1 may hold up the system's own.
    /// - Throws: ``RuntimeError`` when the system does not permit it; nothing is changed then.
    public static func enter(level: Int = 1) throws {
        let levels = Int(sched_get_priority_min(SCHED_FIFO))...Int(sched_get_priority_max(SCHED_FIFO))
        guard levels.contains(level) else {
            throw RuntimeError(.badUse, "a thread cannot have the real-time level \(level); give \(levels.lowerBound) ... \(levels.upperBound)")
        }
        try set(SCHED_FIFO, Int32(level))
    }

    /// Makes the calling thread an ordinary one again. Threads that it has started keep what they have.
    ///
    /// - Throws: ``RuntimeError`` when the system refuses.
    public static func leave() throws { try set(SCHED_OTHER, 0) }

    private static func set(_ policy: Int32, _ level: Int32) throws {
        var parameters = sched_param()
        parameters.sched_priority = level
        let code = pthread_setschedparam(pthread_self(), policy, &parameters)
        guard code == 0 else {
            throw RuntimeError(
                .badUse,
                "cannot change how the system schedules this thread: \(String(cString: strerror(code))); it needs root, CAP_SYS_NICE or a limit for real-time priority ('ulimit -r') of at least \(level)")
        }
    }
}
