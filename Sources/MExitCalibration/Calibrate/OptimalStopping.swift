import Foundation

/// When going on pays, for samples that are known by the bucket of their certainty at each exit.
///
/// Had a multiply-add a price, in share of samples right, the best policy would follow backwards from the last exit: a bucket goes on where
/// what its samples are worth later, less what that costs, is more than what they are worth now. The higher the price, the fewer go
/// on. So each bucket has a highest price at which it does; and each price has the mean cost of the policy that lets all buckets go on
/// that have this price or a higher one. A bucket's **level** is the mean cost at its price. With levels, a wish for a mean cost is a
/// policy (all with lower levels go on), and who has the lower level gains more per multiply-add.
///
/// - Source: backward induction on averages of samples: Longstaff and Schwartz, Valuing American Options by Simulation, Review of Financial
///   Studies 2001; a price for the budget: Everett, Generalized Lagrange Multiplier Method, Operations Research 1963.
struct OptimalStopping {
    /// Of an answer at each exit, `[E]`.
    let macs: [Double]
    /// Per exit but the last, per sample.
    let buckets: [[Int]]
    /// Per exit but the last.
    let bucketCounts: [Int]
    /// Per exit, per sample: what its answer counts, 0 ... 1.
    let worth: [[Double]]

    /// Of a bucket that no policy sends on; above every mean cost.
    var never: Double { 2 * (macs.last ?? 0) + 1 }

    /// Per exit but the last, per bucket.
    ///
    /// - Complexity: O(prices N E).
    func levels() -> [[Double]] {
        let best = highestPrices()
        var costs: [Double: Double] = [:]
        return best.map { prices in
            prices.map { price in
                guard price > 0 else { return never }
                if let known = costs[price] { return known }
                let cost = meanCost(price, best)
                costs[price] = cost
                return cost
            }
        }
    }

    /// From where nothing but the steepest gains pay to where everything does that gains at all.
    private var prices: [Double] {
        let steps = zip(macs.dropFirst(), macs).map { max($0 - $1, 1) }
        let most = 1 / (steps.min() ?? 1)
        let least = 1e-4 / max(macs.last ?? 1, 1)
        return (0..<72).map { least * pow(most / least, Double($0) / 71) }
    }

    /// Per exit but the last, per bucket: the highest of ``prices`` at which it goes on, 0 for none. It never rises with certainty.
    private func highestPrices() -> [[Double]] {
        var best = bucketCounts.map { [Double](repeating: 0, count: $0) }
        let last = macs.count - 1
        for price in prices {
            var value = worth[last]
            for exit in stride(from: last - 1, through: 0, by: -1) {
                let cost = price * (macs[exit + 1] - macs[exit])
                var sums = [Double](repeating: 0, count: bucketCounts[exit])
                var weights = sums
                for sample in value.indices {
                    value[sample] -= cost
                    sums[buckets[exit][sample]] += value[sample] - worth[exit][sample]
                    weights[buckets[exit][sample]] += 1
                }
                weights = weights.map { max($0, 1) }
                let gains = IsotonicRegression.falling(zip(sums, weights).map { $0 / $1 }, weights: weights)
                for bucket in gains.indices where gains[bucket] > 0 { best[exit][bucket] = price }
                for sample in value.indices where gains[buckets[exit][sample]] <= 0 { value[sample] = worth[exit][sample] }
            }
        }
        return best
    }

    private func meanCost(_ price: Double, _ best: [[Double]]) -> Double {
        let last = macs.count - 1
        var sum = 0.0
        for sample in worth[last].indices {
            var exit = 0
            while exit < last, best[exit][buckets[exit][sample]] >= price { exit += 1 }
            sum += macs[exit]
        }
        return sum / Double(max(worth[last].count, 1))
    }
}
