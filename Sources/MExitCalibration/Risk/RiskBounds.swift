#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How a promise about a mean is proved from samples.
public enum RiskTest: String, Hashable, Sendable, Codable, CaseIterable {
    /// p-values from Hoeffding's and Bentkus's inequalities, whichever is smaller.
    case hoeffdingBentkus = "hoeffding-bentkus"
    /// The capital of a bet against the risk being too high: it adapts to the losses' variance.
    case betting
}

/// Tests of "the mean loss is above a limit" that hold for any distribution of losses in 0 ... 1, with no assumption but that
/// the samples are independent and of one kind.
enum RiskBounds {
    /// The p-value of Hoeffding and Bentkus: small when the mean loss is hardly above `limit`.
    ///
    /// - Parameters:
    ///   - mean: of `count` losses in 0 ... 1.
    ///   - limit: in 0 ... 1.
    /// - Source: Bates et al., Distribution-Free, Risk-Controlling Prediction Sets, J. ACM 2021 (arXiv:2101.02703), section 3.1;
    ///   as p-values in Angelopoulos et al., Learn then Test, 2021 (arXiv:2110.01052), proposition 1.
    static func hoeffdingBentkus(mean: Double, count: Int, limit: Double) -> Double {
        guard count > 0, limit > 0 else { return 1 }
        guard limit < 1 else { return 0 }
        if mean >= limit { return 1 }
        let n = Double(count)
        let hoeffding = exp(-n * relativeEntropy(mean, limit))
        // A mean of k / n comes out of the division a little above k / n now and then.
        let bentkus = exp(1) * binomialTail(atMost: Int((n * mean - 1e-9).rounded(.up)), count: count, probability: limit)
        return min(1, hoeffding, bentkus)
    }

    /// a log(a / b) + (1 - a) log((1 - a) / (1 - b)), in nats.
    static func relativeEntropy(_ a: Double, _ b: Double) -> Double {
        (a > 0 ? a * log(a / b) : 0) + (a < 1 ? (1 - a) * log((1 - a) / (1 - b)) : 0)
    }

    /// P(X <= k) for X ~ Binomial(n, p), summed in logarithms.
    static func binomialTail(atMost k: Int, count n: Int, probability p: Double) -> Double {
        if k < 0 { return 0 }
        if k >= n { return 1 }
        let odds = log(p) - log1p(-p)
        var term = Double(n) * log1p(-p)
        var sum = 0.0
        // From the largest term down would be tidier; k is below n p here, so the terms only grow and the sum is stable.
        for i in 0...k {
            if i > 0 { term += odds + log(Double(n - i + 1) / Double(i)) }
            sum += exp(term)
        }
        return min(sum, 1)
    }

    /// The p-value of a bet: 1 / the largest capital reached by betting, sample after sample, that losses stay below `limit`.
    /// Where the mean is at least `limit` the capital is a supermartingale from 1, and by Ville's inequality it reaches 1 / delta
    /// with probability at most delta. 1 where the mean of these losses is at least `limit`: a bet that was won early and lost later proves
    /// nothing that anyone would publish, and a larger p-value is as valid.
    ///
    /// - Parameters:
    ///   - losses: in 0 ... 1, in an order that does not depend on them (shuffle them).
    ///   - limit: strictly between 0 and 1.
    ///   - delta: the bets are tuned for rejecting at this level; the p-value is valid whatever it is.
    /// - Source: Waudby-Smith and Ramdas, Estimating Means of Bounded Random Variables by Betting, JRSS B 2024
    ///   (arXiv:2010.09686), as used for exits in Jazbec et al., Fast yet Safe, NeurIPS 2024 (arXiv:2405.20915). The bets are their
    ///   predictable plug-in: sqrt(2 log(1/delta) / (n variance so far)), up to 9/10 of what could lose all.
    static func betting(_ losses: some Collection<Double>, limit: Double, delta: Double) -> Double {
        guard limit > 0 else { return 1 }
        guard limit < 1 else { return 0 }
        let n = Double(losses.count)
        guard losses.reduce(0, +) < limit * n else { return 1 }
        let most = 0.9 / (1 - limit)
        let boldness = 2 * log(1 / delta) / max(n, 1)
        var (logCapital, largest) = (0.0, 0.0)
        var (sum, squares) = (0.5, 0.25)
        var seen = 1.0
        for loss in losses {
            let bet = min(most, (boldness / (squares / seen)).squareRoot())
            logCapital += log1p(-bet * (loss - limit))
            largest = max(largest, logCapital)
            seen += 1
            sum += loss
            let mean = sum / seen
            squares += (loss - mean) * (loss - mean)
        }
        return exp(-largest)
    }

    /// The p-value by either test.
    static func pValue(_ test: RiskTest, _ losses: [Double], limit: Double, delta: Double) -> Double {
        switch test {
        case .betting: betting(losses, limit: limit, delta: delta)
        case .hoeffdingBentkus:
            hoeffdingBentkus(mean: losses.reduce(0, +) / Double(max(losses.count, 1)), count: losses.count, limit: limit)
        }
    }

    /// The least number of samples that prove the limit when all of them have the loss `loss`: fewer can never do.
    static func samplesNeeded(_ test: RiskTest, limit: Double, loss: Double = 0, delta: Double) -> Int {
        func proves(_ count: Int) -> Bool {
            switch test {
            case .betting: betting(repeatElement(loss, count: count), limit: limit, delta: delta) <= delta
            case .hoeffdingBentkus: hoeffdingBentkus(mean: loss, count: count, limit: limit) <= delta
            }
        }
        var high = 1
        while !proves(high) {
            if high > 1 << 24 { return high }
            high *= 2
        }
        var low = high / 2
        while high - low > 1 {
            let middle = (low + high) / 2
            if proves(middle) { high = middle } else { low = middle }
        }
        return high
    }
}
