/// CAGrad: the direction in a ball around the mean gradient that does most for the exit it helps least.
///
///     d = argmax over |d - g0| <= c |g0| of min over i of <g_i, d>,   g0 = mean of the g_i,   G = n d
///
/// G is n times the published d, so that c = 0 is the plain sum and `mean` reduction gives d itself. The dual problem is solved:
/// with g_w = sum over i of w_i g_i, minimise F(w) = <g_w, g0> + c |g0| |g_w| over the simplex; then d = g0 + c |g0| g_w / |g_w|.
/// F and its derivatives follow from the Gram matrix.
///
/// - Source: Liu et al., Conflict-Averse Gradient Descent for Multi-task Learning, NeurIPS 2021 (arXiv:2110.14048).
public struct CAGradCombiner: GradientCombiner {
    /// c, in 0 ..< 1: radius of the ball in units of |g0|.
    public let radius: Double

    public init(radius: Double = 0.5) { self.radius = radius }

    public func coefficients(of gram: GramMatrix, draw: UInt64) -> [Double] {
        let plain = [Double](repeating: 1, count: gram.size)
        guard gram.size > 1, radius > 0, let (weights, norm, reach) = solve(gram) else { return plain }
        return weights.map { 1 + Double(gram.size) * reach / norm * $0 }
    }

    /// The difference between F and the optimum that ends the search, in units of the largest term. The direction is then
    /// within the square root of twice that of the best one.
    static let tolerance = 1e-13

    /// Minimises F by moving weight between the two gradients whose derivatives differ most; along such a line F is a straight
    /// line plus the root of a parabola, whose lowest point has a closed form.
    ///
    /// - Returns: w, |g_w| and c |g0|; nil where no direction is best (the mean or the best combination vanishes, or a number is
    ///   not finite): then the mean stands.
    func solve(_ gram: GramMatrix) -> (weights: [Double], norm: Double, reach: Double)? {
        let n = gram.size
        let linear = (0..<n).map { i in (0..<n).reduce(0) { $0 + gram[i, $1] } / Double(n) }
        let meanSquare = linear.reduce(0, +) / Double(n)
        guard meanSquare > GramMatrix.vanishing, meanSquare.isFinite else { return nil }
        let reach = radius * meanSquare.squareRoot()
        let longest = (0..<n).map { gram[$0, $0] }.max() ?? 0
        let scale = reach * longest.squareRoot() + (linear.map(\.magnitude).max() ?? 0)
        var w = [Double](repeating: 1 / Double(n), count: n)
        for _ in 0..<10_000 {
            let products = (0..<n).map { i in (0..<n).reduce(0) { $0 + gram[i, $1] * w[$1] } }
            let square = zip(w, products).reduce(0) { $0 + $1.0 * $1.1 }
            // Rounding leaves about this much of a combination that cancels out.
            guard square > 1e-14 * longest else { return nil }
            let norm = square.squareRoot()
            let slopes = (0..<n).map { linear[$0] + reach * products[$0] / norm }
            var (low, high) = (0, -1)
            for i in 0..<n {
                if slopes[i] < slopes[low] { low = i }
                if w[i] > 0, high < 0 || slopes[i] > slopes[high] { high = i }
            }
            let value = zip(w, slopes).reduce(0) { $0 + $1.0 * $1.1 }
            // F(w) = sum of w_i slope_i, and no w can come below the smallest slope.
            guard high >= 0, low != high, value - slopes[low] > CAGradCombiner.tolerance * scale else { return (w, norm, reach) }
            let step = CAGradCombiner.lowest(
                slope: linear[low] - linear[high], root: reach, square, products[low] - products[high],
                gram[low, low] + gram[high, high] - 2 * gram[low, high])
            let moved = min(w[high], max(-w[low], step))
            guard moved != 0 else { return (w, norm, reach) }
            w[low] += moved
            w[high] = moved == w[high] ? 0 : w[high] - moved
        }
        let products = (0..<n).map { i in (0..<n).reduce(0) { $0 + gram[i, $1] * w[$1] } }
        return (w, zip(w, products).reduce(0) { $0 + $1.0 * $1.1 }.squareRoot(), reach)
    }

    /// Where slope * t + root * sqrt(a + 2 b t + c t^2) is lowest; infinite when it falls for ever.
    private static func lowest(slope: Double, root: Double, _ a: Double, _ b: Double, _ c: Double) -> Double {
        guard c > 0 else { return slope + root * b / a.squareRoot() < 0 ? .infinity : -.infinity }
        let sine = -slope / (root * c.squareRoot())
        guard abs(sine) < 1 else { return sine > 0 ? .infinity : -.infinity }
        let height = max(0, a / c - (b / c) * (b / c)).squareRoot()
        return height * sine / (1 - sine * sine).squareRoot() - b / c
    }
}
