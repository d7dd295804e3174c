#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Which exits an answer rests on.
public enum ExitCombination: String, Hashable, Sendable, CaseIterable {
    /// The newest exit alone: the softmax of its logits.
    case newest
    /// All exits so far, as a product of experts, so that an answer hardly ever gets worse with more time.
    ///
    /// With logits f_k of exit k (0 ..< E) the probability of class y at exit m is proportional to the product, over k <= m, of
    /// max(f_k[y], 0) to the power (k + 1) / E: a class that one exit rules out stays out, and later exits count more. Where
    /// every class is ruled out, the softmax of the newest exit stands in.
    ///
    /// Source: "Product Anytime" in Jazbec et al., Towards Anytime Classification in Early-Exit Architectures by Enforcing
    /// Conditional Monotonicity, NeurIPS 2023 (arXiv:2306.02652).
    case product
}

/// A product of experts over the exits of one sample.
struct ExpertProduct {
    /// Logarithm of each class's product, `[K]`; -infinity for a class that is ruled out.
    private(set) var scores: [Double]

    /// - Parameters:
    ///   - stages: exits that have been run, at least 1.
    ///   - exitCount: all exits of the model.
    ///   - logits: of each stage, `[K]`, finite.
    /// - Complexity: O(stages K), one allocation.
    init(stages: Int, exitCount: Int, classes: Int, logits: (_ stage: Int) -> UnsafeBufferPointer<Float>) {
        scores = Array(repeating: 0, count: classes)
        for stage in 0..<stages {
            let values = logits(stage)
            let weight = Double(stage + 1) / Double(exitCount)
            for index in scores.indices {
                scores[index] += values[index] > 0 ? weight * log(Double(values[index])) : -.infinity
            }
        }
    }

    /// The products divided by their sum, `[K]`; not every class is ruled out.
    var probabilities: [Double] {
        let largest = scores.max() ?? 0
        return normalised(scores.map { exp($0 - largest) })
    }

    /// The first class with the largest product; nil when every class is ruled out.
    var likeliest: Int? {
        var best: Int?
        for index in scores.indices where scores[index] > (best.map { scores[$0] } ?? -.infinity) { best = index }
        return best
    }
}
