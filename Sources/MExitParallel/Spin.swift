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
