import MExitCalibration
import Testing
import _MExitTestSupport

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct TemperatureTests {
    /// Mean negative log-likelihood, the plain way.
    private func likelihood(_ logits: ExitLogits, exit: Int, temperature: Double) -> Double {
        var sum = 0.0
        for sample in 0..<logits.count {
            let z = (0..<logits.classCount).map { Double(logits.values[exit][sample * logits.classCount + $0]) / temperature }
            let largest = z.max() ?? 0
            sum += largest + log(z.reduce(0) { $0 + exp($1 - largest) }) - z[Int(logits.labels[sample])]
        }
        return sum / Double(logits.count)
    }

    @Test func findsTheMinimum() throws {
        for overconfidence in [0.3, 1, 4] {
            let logits = try syntheticLogits(count: 2000, overconfidence: overconfidence)
            for (exit, scaling) in TemperatureScaling.all(logits).enumerated() {
                let at = likelihood(logits, exit: exit, temperature: scaling.temperature)
                #expect(abs(at - scaling.after) < 1e-9 && abs(likelihood(logits, exit: exit, temperature: 1) - scaling.before) < 1e-9)
                for factor in [0.99, 1.01] {
                    #expect(at < likelihood(logits, exit: exit, temperature: scaling.temperature * factor))
                }
            }
        }
    }

    /// Logits that are four times as large want a temperature that is four times as high.
    @Test func scalesWithTheLogits() throws {
        let plain = TemperatureScaling.all(try syntheticLogits(count: 1000))
        let sure = TemperatureScaling.all(try syntheticLogits(count: 1000, overconfidence: 4))
        // Logits are rounded to Float after scaling by a power of two: nothing is lost.
        for (a, b) in zip(plain, sure) { #expect(abs(b.temperature / a.temperature - 4) < 1e-6) }
    }

    @Test func staysInRangeWhereThereIsNoMinimum() throws {
        let right = try ExitLogits(name: "right", labels: [0, 1], classCount: 2, macs: [1], values: [[3, 0, 0, 3]])
        #expect(abs(TemperatureScaling(right, exit: 0).temperature - TemperatureScaling.range.lowerBound) < 1e-6)
        let wrong = try ExitLogits(name: "wrong", labels: [1, 0], classCount: 2, macs: [1], values: [[3, 0, 0, 3]])
        #expect(abs(TemperatureScaling(wrong, exit: 0).temperature - TemperatureScaling.range.upperBound) < 1e-4)
        let flat = try ExitLogits(name: "flat", labels: [1, 0], classCount: 2, macs: [1], values: [[0, 0, 0, 0]])
        #expect(TemperatureScaling.range.contains(TemperatureScaling(flat, exit: 0).temperature))
        let broken = try ExitLogits(name: "broken", labels: [0, 1], classCount: 2, macs: [1], values: [[.nan, 0, 0, .infinity]])
        #expect(TemperatureScaling.range.contains(TemperatureScaling(broken, exit: 0).temperature))
    }

    @Test func reliabilityCountsIntoBins() {
        var reliability = Reliability(bins: 4)
        for (probability, isCorrect) in [(0, false), (0.25, true), (0.26, false), (0.5, true), (0.9, true), (1, false)] {
            reliability.add(probability: probability, isCorrect: isCorrect)
        }
        #expect(reliability.bins.map(\.count) == [2, 2, 0, 2])
        #expect(reliability.bins.map(\.correct) == [1, 1, 0, 1])
        // (|1 - 0.25| + |1 - 0.76| + |1 - 1.9|) / 6
        #expect(abs(reliability.expectedCalibrationError - (0.75 + 0.24 + 0.9) / 6) < 1e-12)
        #expect(Reliability().expectedCalibrationError == 0)
    }
}
