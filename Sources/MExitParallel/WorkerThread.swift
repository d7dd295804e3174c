#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One operating-system thread that runs one closure.
///
/// Unchecked: the handle is set once, before anyone else has the object, and only read by `join` or `detach`, one of which the owner calls once.
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

    /// Ends the process when the system refuses another thread.
    package init(_ body: @escaping @Sendable () -> Void) {
        let code = create(body)
        if code != 0 { fatalError("the system refuses another thread (error \(code)); raise its limit or ask for fewer threads") }
    }

    private init() {}

    /// Nil when the system refuses another thread.
    package static func ifPossible(_ body: @escaping @Sendable () -> Void) -> WorkerThread? {
        let thread = WorkerThread()
        return thread.create(body) == 0 ? thread : nil
    }

    private func create(_ body: @escaping @Sendable () -> Void) -> Int32 {
        let start = Unmanaged.passRetained(Start(body))
        let code = pthread_create(&handle, nil, { WorkerThread.enter($0) }, start.toOpaque())
        if code != 0 { start.release() }
        return code
    }

    private static func enter(_ start: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        guard let start else { return nil }
        Unmanaged<Start>.fromOpaque(start).takeRetainedValue().body()
        return nil
    }

    /// Lets the thread end by itself; nobody may join it then.
    package func detach() {
        #if canImport(Darwin)
            if let handle { pthread_detach(handle) }
        #else
            pthread_detach(handle)
        #endif
    }

    package func join() {
        #if canImport(Darwin)
            if let handle { pthread_join(handle, nil) }
        #else
            pthread_join(handle, nil)
        #endif
    }
}
