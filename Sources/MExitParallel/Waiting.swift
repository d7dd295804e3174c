#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Waiting without sleep.
enum Spin {
    private static let rounds = 40
    private static let looks = 500

    /// Looks again and again for some tens of microseconds, now and then letting other threads run: where there are more
    /// threads than cores, the one that is waited for may need this core.
    @inline(__always)
    static func until<Value>(_ look: () -> Value?) -> Value? {
        for _ in 0..<rounds {
            for _ in 0..<looks {
                if let value = look() { return value }
            }
            sched_yield()
        }
        return nil
    }
}

/// A mutex and a condition: where threads sleep.
///
/// Unchecked: the two system objects are made for sharing; their memory is fixed until `deinit`.
package final class Bell: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// Wakes all sleepers.
    package func ring() {
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Sleeps until `look` gives a value; it is asked under the lock, so a change made before a ring is not missed.
    @discardableResult
    package func wait<Value>(until look: () -> Value?) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let value = look() { return value }
            pthread_cond_wait(condition, mutex)
        }
    }
}
