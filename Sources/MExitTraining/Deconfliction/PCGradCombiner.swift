import MExitData

/// PCGrad: every gradient meets the others one after another, in random order, and gives up what it still has against each.
///
///     out_i = g_i;  for j in a random order of the others: if <out_i, g_j> < 0: out_i -= s * (<out_i, g_j> / |g_j|^2) g_j
///     G = sum over i of out_i
///
/// Unlike ``ProjectionCombiner`` it asks what is left of a gradient, not the original, so the result depends on the order.
/// out_i is kept as its coefficients: <out_i, g_j> is then a row of the Gram matrix times them, and no vector is copied.
///
/// - Complexity: O(n^3) for n gradients.
/// - Source: Yu et al., Gradient Surgery for Multi-Task Learning, NeurIPS 2020 (arXiv:2001.06782), algorithm 1.
public struct PCGradCombiner: GradientCombiner {
    /// s: 1 as published.
    public let strength: Double

    public init(strength: Double = 1) { self.strength = strength }

    public func coefficients(of gram: GramMatrix, draw: UInt64) -> [Double] {
        var random = CounterRandom(.deconfliction, seed: draw)
        let orders = (0..<gram.size).map { i in
            var others = (0..<gram.size).filter { $0 != i }
            random.shuffle(&others)
            return others
        }
        return coefficients(of: gram, orders: orders)
    }

    /// - Parameter orders: per gradient, the others in the order in which it meets them.
    public func coefficients(of gram: GramMatrix, orders: [[Int]]) -> [Double] {
        var sum = [Double](repeating: 0, count: gram.size)
        for i in 0..<gram.size {
            var own = [Double](repeating: 0, count: gram.size)
            own[i] = 1
            for j in orders[i] where gram.hasDirection(i) && gram.hasDirection(j) {
                var product = 0.0
                for k in 0..<gram.size { product += own[k] * gram[k, j] }
                if product < 0 { own[j] -= strength * (product / gram[j, j]) }
            }
            for k in 0..<gram.size { sum[k] += own[k] }
        }
        return sum
    }
}
