#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import MExitData

/// When requests come.
public enum Arrivals: Hashable, Sendable {
    /// So many are always under way: the next one comes when one is answered. What a server can do at most, but its
    /// latencies say little: a server that is slow is sent less.
    case closed(inFlight: Int)
    /// They come at random moments of their own (a Poisson process), so many a second in the mean, whatever the server does.
    case open(rate: Double)
}

/// The moments of a Poisson process: the gaps are independent and exponentially distributed.
struct PoissonProcess {
    private let meanGap: Double
    private var random: CounterRandom
    private var time = 0.0

    /// - Parameter rate: events a second, above 0.
    init(rate: Double, seed: UInt64) {
        meanGap = 1e9 / rate
        random = CounterRandom(.load, seed: seed)
    }

    /// Nanoseconds from the start to the next event.
    mutating func next() -> Int64 {
        // 53 random bits in (0, 1], so that the logarithm is finite.
        let uniform = (Double(random.next() >> 11) + 1) * 0x1p-53
        time -= meanGap * log(uniform)
        return Int64(time)
    }
}
