#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Softmax cross-entropy, mean over the batch, as PyTorch defines it (label smoothing included: Szegedy et al. 2016).
///
/// loss = -mean over n of sum over k of t[n, k] * log softmax(z[n])[k], with t = (1 - s) * onehot(label) + s / K.
public struct SoftmaxCrossEntropy: Hashable, Sendable {
    /// s, in 0 ..< 1.
    public let labelSmoothing: Double

    public struct Result: Hashable, Sendable {
        /// Mean over the batch, natural logarithm. Not finite when a logit is not.
        public var loss: Double
        /// Samples whose largest logit (the first of equals) is the label's.
        public var correct: Int
    }

    /// - Throws: ``NetworkError`` when the smoothing is outside 0 ..< 1.
    public init(labelSmoothing: Double = 0) throws {
        guard labelSmoothing >= 0, labelSmoothing < 1 else {
            throw NetworkError("label smoothing is \(labelSmoothing); it must be at least 0 and below 1")
        }
        self.labelSmoothing = labelSmoothing
    }

    /// - Parameters:
    ///   - logits: `[N, K]`, row-major.
    ///   - labels: `[N]`, each in `0 ..< K`.
    ///   - others: nil, or `[N]`: second labels of mixed images, which take the place of 1 - share of the first.
    ///   - share: of the first labels, 0 ... 1. A hit is the larger share's label.
    ///   - classes: K.
    ///   - weight: the gradient is that of `weight * loss`; the result is not scaled.
    ///   - gradient: nil, or `[N, K]` that receives (softmax - t) * weight / N. May be the logits' own memory.
    /// - Complexity: O(N K), no allocation; sums in double.
    public func callAsFunction(
        logits: UnsafeBufferPointer<Float>, labels: UnsafeBufferPointer<Int32>, others: UnsafeBufferPointer<Int32>? = nil, share: Double = 1,
        classes: Int, weight: Double = 1,
        gradient: UnsafeMutableBufferPointer<Float>? = nil
    ) -> Result {
        let n = labels.count
        precondition(classes >= 1 && logits.count == n * classes, "logits are [N, K]")
        precondition(gradient == nil || gradient?.count == logits.count, "the gradient is [N, K]")
        var result = Result(loss: 0, correct: 0)
        let scale = weight / Double(max(n, 1))
        let smooth = labelSmoothing / Double(classes)
        for i in 0..<n {
            let label = Int(labels[i])
            let other = others.map { Int($0[i]) } ?? label
            precondition(label >= 0 && label < classes && other >= 0 && other < classes, "a label is a class index")
            let row = i * classes
            var best = 0
            for k in 1..<max(classes, 1) where logits[row + k] > logits[row + best] { best = k }
            if best == (share >= 0.5 ? label : other) { result.correct += 1 }
            let top = Double(logits[row + best])
            var total = 0.0
            var sum = 0.0
            for k in 0..<classes {
                let z = Double(logits[row + k]) - top
                total += exp(z)
                sum += z
            }
            let logTotal = log(total)
            let own = share * (Double(logits[row + label]) - top) + (1 - share) * (Double(logits[row + other]) - top)
            result.loss += logTotal - (1 - labelSmoothing) * own - smooth * sum
            guard let gradient else { continue }
            for k in 0..<classes {
                let target = smooth + (1 - labelSmoothing) * ((k == label ? share : 0) + (k == other ? 1 - share : 0))
                gradient[row + k] = Float((exp(Double(logits[row + k]) - top - logTotal) - target) * scale)
            }
        }
        result.loss /= Double(max(n, 1))
        return result
    }
}
