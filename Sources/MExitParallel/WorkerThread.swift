#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One operating-system thread that runs one closure.
///
/// Unchecked: the handle is set once in `init` and only read by `join`, which the owner calls once.
package final class WorkerThread: @unchecked Sendable {
    private final class Start {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    #if canImport(Darwin)
        private var handle: pthread_t?
    #else
        private var handle = pthread_t()
    #endif

    package init(_ body: @escaping @Sendable () -> Void) {
        let start = Unmanaged.passRetained(Start(body)).toOpaque()
        let code = pthread_create(&handle, nil, { WorkerThread.enter($0) }, start)
        precondition(code == 0, "the system refuses another thread (error \(code)); ask for fewer threads")
    }

    private static func enter(_ start: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let start else { return nil }
        Unmanaged<Start>.fromOpaque(start).takeRetainedValue().body()
        return nil
    }

    package func join() {
        #if canImport(Darwin)
            if let handle { pthread_join(handle, nil) }
        #else
            pthread_join(handle, nil)
        #endif
    }
}

/// A mutex and a condition: where idle workers sleep.
///
/// Unchecked: the two system objects are made for sharing; their memory is fixed until `deinit`.
final class Bell: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
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
    func ring() {
        pthread_mutex_lock(mutex)
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Sleeps until `until` gives a value; it is asked under the lock, between `before` and `behind`.
    func wait<Value>(before: () -> Void, until: () -> Value?, behind: () -> Void) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        before()
        defer { behind() }
        while true {
            if let value = until() { return value }
            pthread_cond_wait(condition, mutex)
        }
    }
}
