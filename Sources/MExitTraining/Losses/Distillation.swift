#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Self-distillation: exits learn from what the last one says, beside the labels.
///
/// The loss of every exit but the last is (1 - share) * cross-entropy + share * T^2 KL(q || p), with q = softmax(last exit's logits
/// / T), through which no gradient flows, and p = softmax(own logits / T). T^2 keeps the gradient's size when T changes.
///
/// - Source: Phuong & Lampert, Distillation-Based Training for Multi-Exit Architectures, ICCV 2019; the scaling is Hinton et
///   al.'s (arXiv:1503.02531).
public struct Distillation: Hashable, Sendable {
    /// 0 ... 1.
    public var share: Double
    /// T, above 0.
    public var temperature: Double

    public init(share: Double, temperature: Double = 1) {
        self.share = share
        self.temperature = temperature
    }

    /// - Throws: ``TrainingError`` naming the number and its range.
    public func check() throws {
        guard share >= 0, share <= 1 else {
            throw TrainingError(.badOption, "the share of distillation is \(share); it must be 0 ... 1")
        }
        guard temperature.isFinite, temperature >= 0.01, temperature <= 1000 else {
            throw TrainingError(.badOption, "the temperature of distillation is \(temperature); it must be 0.01 ... 1000")
        }
    }

    /// T^2 KL(q || p), mean over the batch.
    ///
    /// - Parameters:
    ///   - student, teacher: logits `[N, K]`.
    ///   - weight: of the gradient; the result is not scaled.
    ///   - gradient: nil, or `[N, K]` to which T (p - q) * weight / N is added.
    /// - Complexity: O(N K); allocates nothing.
    func callAsFunction(
        student: UnsafeBufferPointer<Float>, teacher: UnsafeBufferPointer<Float>, classes: Int, weight: Double = 1,
        addingTo gradient: UnsafeMutableBufferPointer<Float>? = nil
    ) -> Double {
        precondition(classes >= 1 && student.count == teacher.count && student.count % classes == 0, "logits are [N, K]")
        precondition(gradient == nil || gradient?.count == student.count, "the gradient is [N, K]")
        let n = student.count / classes
        var sum = 0.0
        for row in stride(from: 0, to: student.count, by: classes) {
            let own = normalizer(student, row, classes)
            let other = normalizer(teacher, row, classes)
            for k in row..<row + classes {
                let logP = Double(student[k]) / temperature - own
                let logQ = Double(teacher[k]) / temperature - other
                let q = exp(logQ)
                // q log q is 0 at q = 0, where log q may be -inf.
                if q > 0 { sum += q * (logQ - logP) }
                guard let gradient else { continue }
                gradient[k] += Float(temperature * (exp(logP) - q) * weight / Double(n))
            }
        }
        return temperature * temperature * sum / Double(max(n, 1))
    }

    /// log of the sum of exp(z / T) over a row.
    private func normalizer(_ logits: UnsafeBufferPointer<Float>, _ row: Int, _ classes: Int) -> Double {
        var top = Double(logits[row])
        for k in row..<row + classes { top = max(top, Double(logits[k])) }
        var total = 0.0
        for k in row..<row + classes { total += exp((Double(logits[k]) - top) / temperature) }
        return top / temperature + log(total)
    }
}
