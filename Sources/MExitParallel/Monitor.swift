#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Which of the threads that wait look again.
package enum Wake: Sendable { case nobody, one, all }

/// A value behind a lock that threads can wait on, which `Synchronization.Mutex` lacks; and a lock that Thread Sanitizer sees: a
/// contended `Mutex` waits within the standard library, which is not instrumented, so that what it orders is reported as a race.
///
/// Unchecked: the value is touched only under the lock; the two system objects are made for sharing.
package final class Monitor<Value>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// As ``withLock(_:)``, then wakes all waiting threads so that they look again.
    package func change<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result { try change(wakes: { _ in .all }, body) }

    /// Wakes all waiting threads, to look at something that changed outside the value.
    package func wake() {
        // Who has looked before the change sleeps when the lock is free; who has not will see it.
        pthread_mutex_lock(mutex)
        pthread_mutex_unlock(mutex)
        pthread_cond_broadcast(condition)
    }

    /// As ``change(_:)``, where it depends on the value whether anybody needs to look again. To wake somebody for nothing
    /// costs a system call here, and there a processor.
    package func change<Result>(wakes: (Value) -> Wake, _ body: (inout Value) throws -> Result) rethrows -> Result {
        pthread_mutex_lock(mutex)
        var wake = Wake.nobody
        defer {
            pthread_mutex_unlock(mutex)
            // Behind the lock: who wakes finds it free.
            switch wake {
            case .nobody: break
            case .one: pthread_cond_signal(condition)
            case .all: pthread_cond_broadcast(condition)
            }
        }
        defer { wake = wakes(value) }
        return try body(&value)
    }

    /// Asks `body` under the lock, at once and behind every change, until it gives a result.
    package func wait<Result>(_ body: (inout Value) -> Result?) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            pthread_cond_wait(condition, mutex)
        }
    }
}
