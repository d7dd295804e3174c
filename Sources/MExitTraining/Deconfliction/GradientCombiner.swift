/// A rule that makes one gradient of several: G = sum over k of c[k] g_k, with c from the inner products alone.
///
/// Every method of the family can be written so (projection, PCGrad, CAGrad, MGDA), which is why no combined vector is
/// ever copied. A new rule is one type and one case of ``DeconflictionOptions/Method``.
public protocol GradientCombiner: Sendable {
    /// - Parameter draw: random bits, others for every step and group, for rules that choose an order.
    /// - Returns: one finite coefficient per gradient when the Gram matrix is finite.
    func coefficients(of gram: GramMatrix, draw: UInt64) -> [Double]
}

/// Joint training: the plain sum.
public struct SumCombiner: GradientCombiner {
    public init() {}

    public func coefficients(of gram: GramMatrix, draw: UInt64 = 0) -> [Double] { [Double](repeating: 1, count: gram.size) }
}

/// Gradient deconfliction: each gradient gives up what it has against the others.
///
/// For every ordered pair with <g_i, g_j> < 0, g_i is projected onto the normal plane of g_j; both are the *original*
/// gradients, so the result does not depend on an order:
///
///     out_i = g_i - s * sum over j with <g_i, g_j> < 0 of (<g_i, g_j> / |g_j|^2) g_j,    G = sum over i of out_i
///
/// Collected by gradient: c[k] = 1 - s * sum over i with <g_i, g_k> < 0 of <g_i, g_k> / |g_k|^2, which is never below 1 for
/// s >= 0. A zero gradient (``GramMatrix/vanishing``) is neither projected nor projected onto. For two gradients and s = 1,
/// <G, g_1> and <G, g_2> are never negative.
///
/// - Source: Wang & Li, Gradient Deconfliction-Based Training for Multi-Exit Architectures, ICIP 2020
///   (doi 10.1109/ICIP40778.2020.9190812).
public struct ProjectionCombiner: GradientCombiner {
    /// s: 1 removes the conflicting component, 0 leaves all as it is.
    public let strength: Double

    public init(strength: Double = 1) { self.strength = strength }

    public func coefficients(of gram: GramMatrix, draw: UInt64 = 0) -> [Double] {
        (0..<gram.size).map { k in
            guard gram.hasDirection(k) else { return 1 }
            var conflict = 0.0
            for i in 0..<gram.size where i != k && gram.hasDirection(i) && gram[i, k] < 0 { conflict += gram[i, k] }
            return 1 - strength * (conflict / gram[k, k])
        }
    }
}
