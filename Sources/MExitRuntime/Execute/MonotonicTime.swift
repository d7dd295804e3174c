#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A moment on the system's monotonic clock, which only goes forward: what deadlines are given in. Comparable with the moments
/// of the same machine since it was started; in C it is `CLOCK_MONOTONIC` in nanoseconds.
///
/// ```swift
/// let answer = try context.classify(input, policy: policy, deadline: .now + .milliseconds(3))
/// ```
public struct MonotonicInstant: Hashable, Comparable, Sendable {
    /// Since some moment that stays the same while the machine runs.
    public var nanoseconds: Int64

    /// - Parameter nanoseconds: of the clock, as ``nanoseconds``.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// This moment. Read without a system call, some 20 to 50 ns: fine enough for single kernels.
    public static var now: MonotonicInstant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicInstant(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    /// Later by a duration (earlier by a negative one); stays at the ends of what can be said.
    public static func + (instant: MonotonicInstant, duration: Duration) -> MonotonicInstant {
        instant.advanced(byNanoseconds: duration.wholeNanoseconds)
    }

    func advanced(byNanoseconds more: Int64) -> MonotonicInstant {
        let (sum, overflow) = nanoseconds.addingReportingOverflow(more)
        return MonotonicInstant(nanoseconds: overflow ? (more < 0 ? .min : .max) : sum)
    }

    /// How far it lies behind another moment; negative before it, and at the ends of what can be said.
    func nanoseconds(after earlier: MonotonicInstant) -> Int64 {
        let (difference, overflow) = nanoseconds.subtractingReportingOverflow(earlier.nanoseconds)
        return overflow ? (nanoseconds < 0 ? .min : .max) : difference
    }

    /// The time from one moment to a later one.
    public static func - (later: MonotonicInstant, earlier: MonotonicInstant) -> Duration {
        .nanoseconds(later.nanoseconds) - .nanoseconds(earlier.nanoseconds)
    }

    /// Whether `a` comes before `b`.
    public static func < (a: MonotonicInstant, b: MonotonicInstant) -> Bool { a.nanoseconds < b.nanoseconds }
}

extension Duration {
    /// Rounded down; the largest or smallest number where it does not fit.
    fileprivate var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflowToo) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || overflowToo ? (seconds < 0 ? .min : .max) : sum
    }
}

/// The same clock in seconds, for measurements.
package enum MonotonicTime {
    /// Seconds since some moment that stays the same while the process runs.
    package static var seconds: Double { 1e-9 * Double(MonotonicInstant.now.nanoseconds) }
}
