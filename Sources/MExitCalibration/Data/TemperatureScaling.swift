#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The temperature at which softmax probabilities fit the labels best: one number per exit, which changes no label.
///
/// - Source: Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017 (arXiv:1706.04599).
public struct TemperatureScaling: Hashable, Sendable, Codable {
    /// Logits are divided by it.
    public var temperature: Double
    /// Mean negative log-likelihood, in nats, at temperature 1 and at ``temperature``.
    public var before: Double
    public var after: Double

    /// Temperatures outside are cut: there the samples do not say where the optimum is (all are right, say).
    public static let range = 0.05...20.0

    /// Newton's method on the mean negative log-likelihood as a function of b = 1 / T, in which it is convex:
    /// first derivative mean(E_p[z] - z_y), second mean(Var_p[z]). A step that leaves the bracket around the optimum is replaced
    /// by halving it. Samples whose logits are not all finite are set aside.
    ///
    /// - Complexity: O(N K) per step, some five steps.
    public init(_ logits: ExitLogits, exit: Int) {
        var low = 1 / TemperatureScaling.range.upperBound
        var high = 1 / TemperatureScaling.range.lowerBound
        var b = 1.0
        before = TemperatureScaling.likelihood(logits, exit, b).value
        for _ in 0..<100 {
            let (_, slope, curvature) = TemperatureScaling.likelihood(logits, exit, b)
            if slope > 0 { high = b } else { low = b }
            var next = b - slope / curvature
            if !(next > low && next < high) { next = (low + high) / 2 }
            let step = abs(next - b)
            b = next
            if step <= 1e-10 * b || high - low <= 1e-10 * b { break }
        }
        after = TemperatureScaling.likelihood(logits, exit, b).value
        temperature = 1 / b
    }

    /// Of all exits.
    public static func all(_ logits: ExitLogits) -> [TemperatureScaling] {
        (0..<logits.exitCount).map { TemperatureScaling(logits, exit: $0) }
    }

    /// The mean negative log-likelihood at b = 1 / T and its derivatives.
    private static func likelihood(_ logits: ExitLogits, _ exit: Int, _ b: Double) -> (value: Double, slope: Double, curvature: Double) {
        var (value, slope, curvature) = (0.0, 0.0, 0.0)
        var counted = 0
        logits.forEachSample(exit: exit) { index, z in
            var largest = -Double.infinity
            for logit in z {
                guard logit.isFinite else { return }
                largest = max(largest, Double(logit))
            }
            var (sum, first, second) = (0.0, 0.0, 0.0)
            for logit in z {
                let shifted = Double(logit) - largest
                let weight = exp(b * shifted)
                sum += weight
                first += weight * shifted
                second += weight * shifted * shifted
            }
            let mean = first / sum
            let truth = Double(z[Int(logits.labels[index])]) - largest
            value += log(sum) - b * truth
            slope += mean - truth
            curvature += second / sum - mean * mean
            counted += 1
        }
        let n = Double(max(counted, 1))
        return (value / n, slope / n, curvature / n)
    }
}
