/// All inner products of the gradients of several losses: the only thing that a rule for combining them needs.
///
/// Symmetric. Entry (i, j) is the sum of products over all elements of one tensor, or of a group of tensors, in double.
public struct GramMatrix: Hashable, Sendable {
    /// Number of gradients.
    public let size: Int
    private var values: [Double]

    /// All zeros.
    public init(size: Int) {
        self.size = size
        values = [Double](repeating: 0, count: size * size)
    }

    /// <g_i, g_j>
    public subscript(i: Int, j: Int) -> Double {
        get { values[i * size + j] }
        set {
            values[i * size + j] = newValue
            values[j * size + i] = newValue
        }
    }

    /// |g_i|^2 up to which a gradient counts as zero: the smallest normal `Float`.
    ///
    /// Such a gradient (norm 1e-19) consists of subnormal numbers and what rounding left of them: it has no direction that
    /// one could project onto, and dividing by its square would overflow single precision.
    public static let vanishing = Double(Float.leastNormalMagnitude)

    /// Whether gradient `i` has a direction.
    public func hasDirection(_ i: Int) -> Bool { self[i, i] > GramMatrix.vanishing }

    /// Cosine of the angle between gradients i and j; nil when one of them is zero.
    public func cosine(_ i: Int, _ j: Int) -> Double? {
        guard hasDirection(i), hasDirection(j) else { return nil }
        return self[i, j] / (self[i, i].squareRoot() * self[j, j].squareRoot())
    }

    /// |sum over k of c[k] g_k|^2. Not finite when a gradient is not; never below 0.
    public func squaredNorm(ofCombination c: [Double]) -> Double {
        var sum = 0.0
        for i in 0..<size {
            for j in 0..<size { sum += c[i] * c[j] * self[i, j] }
        }
        // Cancellation may leave a tiny negative number; a comparison, not max(), so that NaN stays NaN.
        return sum < 0 ? 0 : sum
    }
}
