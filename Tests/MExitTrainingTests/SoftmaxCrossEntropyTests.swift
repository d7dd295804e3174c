import MExitTraining
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct SoftmaxCrossEntropyTests {
    static func evaluate(
        _ logits: [Float], _ labels: [Int32], _ classes: Int, smoothing: Double = 0, weight: Double = 1
    ) throws -> (SoftmaxCrossEntropy.Result, [Float]) {
        var gradient = [Float](repeating: .nan, count: logits.count)
        let loss = try SoftmaxCrossEntropy(labelSmoothing: smoothing)
        let result = logits.withUnsafeBufferPointer { logits in
            labels.withUnsafeBufferPointer { labels in
                gradient.withUnsafeMutableBufferPointer {
                    loss(logits: logits, labels: labels, classes: classes, weight: weight, gradient: $0)
                }
            }
        }
        return (result, gradient)
    }

    @Test func knownValues() throws {
        let (result, gradient) = try Self.evaluate([0, 0, 0, 0, 1, 2], [1, 2], 3)
        let second = exp(0.0) + exp(1.0) + exp(2.0)
        #expect(abs(result.loss - (log(3.0) + log(second) - 2) / 2) < 1e-12)
        #expect(result.correct == 1)
        let expected = [1 / 6.0, -1 / 3.0, 1 / 6.0, 0.5 / second, 0.5 * exp(1.0) / second, 0.5 * (exp(2.0) / second - 1)]
        for (a, b) in zip(gradient, expected) { #expect(abs(Double(a) - b) < 1e-7) }
    }

    @Test(arguments: [0, 0.1, 0.5]) func gradientAgainstDifferences(smoothing: Double) throws {
        var random = TestRandom(4)
        let logits = random.vector(4 * 5).map { 3 * $0 }
        let labels: [Int32] = [0, 4, 2, 2]
        let (_, gradient) = try Self.evaluate(logits, labels, 5, smoothing: smoothing, weight: 2)
        for i in logits.indices {
            var (up, down) = (logits, logits)
            up[i] += 0.015625
            down[i] -= 0.015625
            let difference = try Self.evaluate(up, labels, 5, smoothing: smoothing).0.loss
                - Self.evaluate(down, labels, 5, smoothing: smoothing).0.loss
            let step = Double(up[i]) - Double(down[i])
            #expect(abs(2 * difference / step - Double(gradient[i])) < 1e-4)
        }
        for row in 0..<4 { #expect(abs(gradient[row * 5..<row * 5 + 5].reduce(0, +)) < 1e-6) }
    }

    @Test func hugeLogitsStayFinite() throws {
        let (result, gradient) = try Self.evaluate([1e30, -1e30, 0, 3e38, 3e38, -3e38], [0, 1], 3)
        #expect(result.loss.isFinite)
        #expect(gradient.allSatisfy { $0.isFinite })
        #expect(result.correct == 1)
        let (broken, _) = try Self.evaluate([.nan, 0], [0], 2)
        #expect(!broken.loss.isFinite)
        #expect(throws: NetworkError.self) { try SoftmaxCrossEntropy(labelSmoothing: 1) }
    }
}
