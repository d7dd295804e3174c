/// The closest sequence that never rises, by pooling adjacent violators.
///
/// - Source: Ayer, Brunk, Ewing, Reid and Silverman, An Empirical Distribution Function for Sampling with Incomplete Information,
///   Annals of Mathematical Statistics 1955.
enum IsotonicRegression {
    /// - Parameters:
    ///   - means: of groups of samples, in their order.
    ///   - weights: samples per group, above 0.
    /// - Returns: as many values, not rising, with the least weighted squared distance; their weighted sum is that of `means`.
    /// - Complexity: O(groups).
    static func falling(_ means: [Double], weights: [Double]) -> [Double] {
        var pools: [(mean: Double, weight: Double, groups: Int)] = []
        for (mean, weight) in zip(means, weights) {
            var pool = (mean: mean, weight: weight, groups: 1)
            while let last = pools.last, last.mean < pool.mean {
                pools.removeLast()
                let whole = last.weight + pool.weight
                pool = ((last.mean * last.weight + pool.mean * pool.weight) / whole, whole, last.groups + pool.groups)
            }
            pools.append(pool)
        }
        return pools.flatMap { Array(repeating: $0.mean, count: $0.groups) }
    }
}
