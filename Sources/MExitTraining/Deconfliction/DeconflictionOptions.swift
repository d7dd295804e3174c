/// How the gradients of the exits become one.
public struct DeconflictionOptions: Hashable, Sendable {
    /// Which rule combines them.
    public enum Method: String, Hashable, Sendable, CaseIterable {
        /// Plain sum: joint training. One backward pass with the summed loss, no conflict statistics.
        case none
        /// ``ProjectionCombiner``.
        case project
        /// ``PCGradCombiner``. Published with scope ``Scope/network``.
        case pcgrad
        /// ``CAGradCombiner``. Published with scope ``Scope/network``.
        case cagrad
    }

    /// What one gradient vector is: inner products are taken, and conflicts resolved, over this much of the network.
    public enum Scope: String, Hashable, Sendable, CaseIterable {
        /// Each parameter tensor by itself.
        case tensor
        /// All tensors of a block (a layer of all scales, a head) as one vector.
        case block
        /// All tensors that at least two exits reach as one vector; what only one exit reaches passes unchanged.
        case network
    }

    public enum Reduction: String, Hashable, Sendable, CaseIterable {
        case sum
        /// Divided by the number of exits that reach the tensor. With ``Method/none``: Gradient Equilibrium (Li et al., Improved
        /// Techniques for Training Adaptive Deep Networks, ICCV 2019).
        case mean
    }

    public var method: Method
    public var scope: Scope
    public var reduction: Reduction
    /// s of ``ProjectionCombiner`` and ``PCGradCombiner``.
    public var strength: Double
    /// c of ``CAGradCombiner``.
    public var radius: Double

    public init(
        method: Method = .project, scope: Scope = .tensor, reduction: Reduction = .sum, strength: Double = 1, radius: Double = 0.5
    ) {
        self.method = method
        self.scope = scope
        self.reduction = reduction
        self.strength = strength
        self.radius = radius
    }

    /// - Throws: ``TrainingError`` when the strength is negative or not finite, or the radius outside 0 ..< 1.
    public func check() throws {
        guard strength.isFinite, strength >= 0 else {
            throw TrainingError(.badOption, "projection strength is \(strength); it must be a finite number of 0 or more")
        }
        guard radius >= 0, radius < 1 else {
            throw TrainingError(.badOption, "the radius of CAGrad is \(radius); it must be at least 0 and below 1")
        }
    }

    var combiner: any GradientCombiner {
        switch method {
        case .none: SumCombiner()
        case .project: ProjectionCombiner(strength: strength)
        case .pcgrad: PCGradCombiner(strength: strength)
        case .cagrad: CAGradCombiner(radius: radius)
        }
    }
}
