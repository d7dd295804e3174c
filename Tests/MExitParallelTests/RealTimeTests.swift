#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Synchronization
import Testing

@testable import MExitParallel

@Suite struct RealTimeTests {
    /// Sets the calling thread's policy; false where the system does not allow it.
    private static func set(_ policy: Int32) -> Bool {
        var parameters = sched_param()
        parameters.sched_priority = sched_get_priority_min(policy)
        return pthread_setschedparam(pthread_self(), policy, &parameters) == 0
    }

    @Test func aThreadKnowsItsPolicy() {
        // Only who may (root, CAP_SYS_NICE) gives itself a real-time policy.
        let found = Mutex<[(isAllowed: Bool, isOn: Bool)]>([])
        let thread = WorkerThread {
            for policy in [SCHED_OTHER, SCHED_FIFO, SCHED_RR] {
                let isAllowed = RealTimeTests.set(policy)
                found.withLock { $0.append((isAllowed, RealTime.isOn)) }
            }
            RealTime.letOthersRun()
        }
        thread.join()
        let seen = found.withLock { $0 }
        #expect(seen.count == 3)
        #expect(seen[0] == (true, false))
        for (isAllowed, isOn) in seen.dropFirst() { #expect(isOn == isAllowed) }
    }
}
