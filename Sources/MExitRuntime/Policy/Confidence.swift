#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How sure an exit is of its answer, from its logits; always in 0 ... 1, larger is surer. Logits that are not all finite (the
/// network has overflowed) are not sure at all: 0.
public enum ConfidenceMeasure: String, Hashable, Sendable, CaseIterable {
    /// The largest softmax probability (Huang et al., Multi-Scale Dense Networks, ICLR 2018, arXiv:1703.09844).
    case confidence
    /// 1 - H(p) / log K: one minus the entropy of the softmax, relative to that of a blind guess. 1 for one class (after BranchyNet,
    /// Teerapittayanon et al., ICPR 2016, arXiv:1709.01686).
    case entropy
    /// The largest softmax probability minus the second largest.
    case margin
}

/// Label and certainty of one exit's logits.
package struct Verdict: Hashable, Sendable {
    /// The first class with the largest logit, or of the largest product.
    package var label: Int
    /// Its probability; 0 when the logits are not all finite.
    package var probability: Double
    /// What the policy's measure says.
    package var certainty: Double
    /// What the two rest on.
    package var combination = ExitCombination.newest
}

extension ConfidenceMeasure {
    /// - Parameters:
    ///   - logits: `[K]`, K >= 1.
    ///   - temperature: logits are divided by it first; above 0.
    /// - Complexity: O(K), no allocation.
    package func verdict(_ logits: UnsafeBufferPointer<Float>, temperature: Double) -> Verdict {
        let label = firstLargest(logits)
        guard logits.allSatisfy(\.isFinite) else { return Verdict(label: label, probability: 0, certainty: 0) }
        let largest = Double(logits[label])
        return verdict(count: logits.count, label: label) { (Double(logits[$0]) - largest) / temperature }
    }

    /// As ``verdict(_:temperature:)``, of the softmax of any scores; -infinity is a class that cannot be.
    ///
    /// - Parameters:
    ///   - label: the first class with the largest score, which is finite.
    ///   - shifted: the score of a class minus the largest.
    @inline(__always)
    func verdict(count: Int, label: Int, shifted score: (Int) -> Double) -> Verdict {
        var sum = 0.0
        var weighted = 0.0
        var second = 0.0
        for index in 0..<count {
            let shifted = score(index)
            let weight = exp(shifted)
            sum += weight
            // The limit for small weights is 0, also where `shifted` is infinite.
            if weight > 0 { weighted += weight * shifted }
            if index != label { second = max(second, weight) }
        }
        let probability = 1 / sum
        let certainty: Double
        switch self {
        case .confidence: certainty = probability
        case .margin: certainty = count > 1 ? (1 - second) / sum : 1
        case .entropy:
            // H = log(sum) - weighted / sum
            certainty = count > 1 ? min(max(1 - (log(sum) - weighted / sum) / log(Double(count)), 0), 1) : 1
        }
        return Verdict(label: label, probability: probability, certainty: certainty)
    }
}

/// The first index with the largest value, whatever is not a number set aside. `logits` is not empty.
func firstLargest(_ logits: UnsafeBufferPointer<Float>) -> Int {
    var label = 0
    for index in logits.indices where logits[index] > logits[label] || logits[label].isNaN { label = index }
    return label
}

/// Softmax of logits.
///
/// - Parameters:
///   - logits: `[K]`.
///   - temperature: that logits are divided by first; above 0.
/// - Returns: `[K]`, sums to 1; all 0 when the logits are not all finite.
/// - Complexity: O(K), two allocations.
public func softmax(_ logits: [Float], temperature: Double = 1) -> [Double] {
    guard logits.allSatisfy(\.isFinite) else { return Array(repeating: 0, count: logits.count) }
    let largest = Double(logits.max() ?? 0)
    return normalised(logits.map { exp((Double($0) - largest) / temperature) })
}

/// Weights divided by their sum, which is above 0.
func normalised(_ weights: [Double]) -> [Double] {
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
}
