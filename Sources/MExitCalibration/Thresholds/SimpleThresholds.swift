#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Thresholds of one parameter: what is published, for comparison, and where the search starts.
enum SimpleThresholds {
    /// MSDNet's: of all samples, a share proportional to q^k shall leave at exit k, the surest of those that come there. The q
    /// is the largest whose cost is within the limit.
    ///
    /// - Source: Huang et al., Multi-Scale Dense Networks, ICLR 2018, section 4 (arXiv:1703.09844), and its code.
    static func geometric(_ ranked: RankedOutcomes, cost limit: Double) -> [Int]? {
        largest(ranked, cost: limit, from: -12, to: 12, halvings: 22) { geometricCuts(ranked, q: exp($0)) }
    }

    static func geometricCuts(_ ranked: RankedOutcomes, q: Double) -> [Int] {
        let exits = ranked.last + 1
        let weights = (0..<exits).map { pow(q, Double($0)) }
        let sum = weights.reduce(0, +)
        var stays = [Bool](repeating: true, count: ranked.count)
        return (0..<ranked.last).map { exit in
            var wanted = Int((Double(ranked.count) * weights[exit] / sum).rounded())
            var cut = 0
            for sample in ranked.order[exit] {
                if wanted == 0 { break }
                cut += 1
                if stays[Int(sample)] { wanted -= 1 }
            }
            if wanted > 0 { cut = ranked.count }
            cut = ranked.possible(atMost: cut, at: exit)
            for sample in ranked.order[exit][..<cut] { stays[Int(sample)] = false }
            return cut
        }
    }

    /// One threshold for all exits, the highest whose cost is within the limit.
    static func shared(_ ranked: RankedOutcomes, cost limit: Double) -> [Int]? {
        largest(ranked, cost: limit, from: 0, to: RankedOutcomes.never, halvings: 40) { threshold in
            (0..<ranked.last).map { ranked.cut(threshold: threshold, at: $0) }
        }
    }

    /// The cuts at the largest parameter within the limit; cost rises with the parameter. Nil when even the least is over it.
    private static func largest(
        _ ranked: RankedOutcomes, cost limit: Double, from least: Double, to most: Double, halvings: Int, _ cuts: (Double) -> [Int]
    ) -> [Int]? {
        var best = cuts(least)
        guard ranked.tally(best).cost <= limit else { return nil }
        let whole = cuts(most)
        if ranked.tally(whole).cost <= limit { return whole }
        var (low, high) = (least, most)
        for _ in 0..<halvings {
            let middle = (low + high) / 2
            let trial = cuts(middle)
            if ranked.tally(trial).cost <= limit {
                best = trial
                low = middle
            } else {
                high = middle
            }
        }
        return best
    }
}
