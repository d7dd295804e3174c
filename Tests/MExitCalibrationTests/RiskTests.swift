import MExitIR
import MExitRuntime
import Testing
import _MExitTestSupport

@testable import MExitCalibration

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@Suite struct RiskTests {
    /// P(X = k) for X ~ Binomial(n, p), from Pascal's triangle.
    private func binomial(_ n: Int, _ p: Double) -> [Double] {
        var row = [1.0]
        for _ in 0..<n { row = (0...row.count).map { (($0 > 0 ? row[$0 - 1] * p : 0)) + ($0 < row.count ? row[$0] * (1 - p) : 0) } }
        return row
    }

    @Test func theTailAddsUp() {
        for (n, p) in [(1, 0.3), (20, 0.05), (60, 0.5), (200, 0.9)] {
            var sum = 0.0
            for (k, mass) in binomial(n, p).enumerated() {
                sum += mass
                #expect(abs(RiskBounds.binomialTail(atMost: k, count: n, probability: p) - sum) < 1e-10)
            }
        }
        #expect(RiskBounds.binomialTail(atMost: -1, count: 5, probability: 0.5) == 0)
    }

    /// A p-value is at most delta with probability at most delta when the risk is at the limit: here all outcomes are counted.
    @Test func hoeffdingBentkusIsValid() {
        for (n, limit) in [(30, 0.1), (100, 0.02), (100, 0.3), (400, 0.05)] {
            let masses = binomial(n, limit)
            for delta in [0.01, 0.1, 0.3] {
                let wrong = masses.indices.filter {
                    RiskBounds.hoeffdingBentkus(mean: Double($0) / Double(n), count: n, limit: limit) <= delta
                }.reduce(0) { $0 + masses[$1] }
                #expect(wrong <= delta, "n \(n), limit \(limit), delta \(delta): \(wrong)")
            }
        }
        #expect(RiskBounds.hoeffdingBentkus(mean: 0.2, count: 100, limit: 0.1) == 1)
    }

    /// The same for betting, by simulation: of 4000 tries at the limit at most a share delta rejects, up to four standard errors.
    @Test func bettingIsValid() {
        var generator = SeededGenerator(seed: 4)
        for (limit, values) in [(0.1, [0.0, 1.0]), (0.505, [0.0, 0.5, 1.0])] {
            let delta = 0.1
            var rejected = 0
            for _ in 0..<4000 {
                let losses = (0..<200).map { _ -> Double in
                    let u = Double.random(in: 0..<1, using: &generator)
                    if values.count == 2 { return u < limit ? 1 : 0 }
                    // Mean 0.505: 0 with 0.05, 1 with 0.06, else 0.5.
                    return u < 0.05 ? 0 : u < 0.11 ? 1 : 0.5
                }
                if RiskBounds.betting(losses, limit: limit, delta: delta) <= delta { rejected += 1 }
            }
            #expect(Double(rejected) / 4000 <= delta + 4 * (delta * (1 - delta) / 4000).squareRoot(), "\(rejected)")
        }
    }

    /// Betting sees that the variance is small; Hoeffding and Bentkus cannot.
    /// A bet that is won on the first samples and lost on the others proves nothing.
    @Test func aRiskSeenAboveTheLimitIsNotProved() {
        let losses = [Double](repeating: 0, count: 400) + [Double](repeating: 1, count: 40)
        #expect(RiskBounds.betting(losses.prefix(400), limit: 0.05, delta: 0.1) < 0.1)
        #expect(RiskBounds.betting(losses, limit: 0.05, delta: 0.1) == 1)
        #expect(RiskBounds.betting(losses, limit: 0.1, delta: 0.1) < 0.1)
    }

    @Test func bettingIsSharperWhereVarianceIsSmall() {
        let losses = (0..<2000).map { $0 % 40 == 7 ? 1.0 : $0 % 40 == 20 ? 0 : 0.5 }
        // The least limit that each proves.
        func bound(_ test: RiskTest) -> Double {
            (1..<1000).map { Double($0) / 1000 }.first { RiskBounds.pValue(test, losses, limit: $0, delta: 0.1) <= 0.1 } ?? 1
        }
        #expect(bound(.betting) > 0.5 && bound(.betting) < bound(.hoeffdingBentkus))
    }

    @Test func samplesNeededAreTheFewest() {
        for test in RiskTest.allCases {
            for limit in [0.3, 0.05, 0.01] {
                let needed = RiskBounds.samplesNeeded(test, limit: limit, delta: 0.1)
                func p(_ count: Int) -> Double { RiskBounds.pValue(test, Array(repeating: 0, count: count), limit: limit, delta: 0.1) }
                #expect(p(needed) <= 0.1 && p(needed - 1) > 0.1)
            }
        }
        // With no loss at all the p-value is (1 - limit)^n.
        #expect(RiskBounds.samplesNeeded(.hoeffdingBentkus, limit: 0.01, delta: 0.1) == Int((log(0.1) / log(0.99)).rounded(.up)))
    }

    /// The answer is the policy before the first that is not rejected, though later ones would be again.
    @Test func testingStopsBeforeTheFirstFailure() throws {
        let logits = try syntheticLogits(count: 3000, seed: 11)
        for quantity in [RiskWish(.accuracyGap, limit: 0.02), RiskWish(.disagreement, limit: 0.05, test: .hoeffdingBentkus)] {
            let order = shuffledIndices(3000, seed: 0, 1)
            let (design, test) = (logits.subset(Array(order[..<1000])), logits.subset(Array(order[1000...])))
            let result = try RiskControl.run(design: design, test: test, quantity, measure: .confidence)
            let path = RiskControl.path(ExitOutcomes(design, measure: .confidence, temperatures: result.temperatures), quantity)
            let outcomes = ExitOutcomes(test, measure: .confidence, temperatures: result.temperatures)
            let scale = LossScale(quantity)
            let proved = path.map { thresholds in
                RiskBounds.pValue(
                    quantity.test, scale.losses(outcomes, exits: outcomes.exits(thresholds: thresholds)), limit: scale.scaled(quantity.limit),
                    delta: 1 - quantity.confidence) <= 1 - quantity.confidence
            }
            #expect(result.step == (proved.firstIndex(of: false) ?? path.count) && result.step > 0 && result.step < path.count)
            #expect(result.thresholds == path[result.step - 1])
            #expect(result.bound == quantity.limit && result.observed < quantity.limit)
            #expect(result.tally.meanMACs < outcomes.macs[3] && result.tested == 2000)
        }
    }

    /// The whole procedure where the null hypothesis holds, at its edge: the only policy on the path lets everybody out at exit 0
    /// and its risk is the limit. Taking it breaks the promise, which may happen with probability delta at most.
    @Test(arguments: RiskTest.allCases, [Promise.Quantity.accuracyGap, .disagreement])
    func theErrorRateHoldsAtTheLimit(test: RiskTest, quantity: Promise.Quantity) throws {
        var generator = SeededGenerator(seed: 31)
        let wish = RiskWish(quantity, limit: 0.08, confidence: 0.8, test: test)
        let (trials, delta) = (800, 1 - wish.confidence)
        var broken = 0
        for _ in 0..<trials {
            var labels: [Int32] = []
            var values: [[Float]] = [[], []]
            for _ in 0..<300 {
                let truth = Int.random(in: 0..<2, using: &generator)
                // The last exit is right; exit 0 is wrong with probability 0.08, and always as sure: no threshold can choose.
                let early = Double.random(in: 0..<1, using: &generator) < wish.limit ? 1 - truth : truth
                labels.append(Int32(truth))
                values[0] += early == 0 ? [1, 0] : [0, 1]
                values[1] += truth == 0 ? [2, 0] : [0, 2]
            }
            let logits = try ExitLogits(name: "edge", labels: labels, classCount: 2, macs: [1, 3], values: values)
            let result = try RiskControl.run(logits, wish, measure: .confidence, seed: 7)
            #expect(result.steps == 1)
            if result.step == 1 { broken += 1 }
        }
        let error = (delta * (1 - delta) / Double(trials)).squareRoot()
        #expect(Double(broken) / Double(trials) <= delta + 4 * error, "\(test), \(quantity): \(broken) of \(trials)")
        // Nor is it idle: some samples do prove it.
        #expect(broken > 0)
    }

    @Test func theBoundIsKept() throws {
        let pool = try syntheticLogits(count: 4000, seed: 21)
        for wish in [RiskWish(.accuracyGap, limit: 0.02), RiskWish(.disagreement, limit: 0.06, confidence: 0.8, test: .hoeffdingBentkus)] {
            let trials = try RiskTrials.run(pool, wish, method: .confidence, samples: 1200, trials: 60, seed: 3, threads: 2)
            // Of 60 trials; four standard errors below the promise.
            let error = (wish.confidence * (1 - wish.confidence) / 60).squareRoot()
            #expect(trials.keptOnWhole >= wish.confidence - 4 * error, "\(trials)")
            #expect(trials.savedShare > 0.1)
            #expect(trials.calibrationSamples == 1200 && trials.restSamples == 2800)
        }
    }

    /// What cannot be proved from so few samples says how many could do; with those it goes through.
    @Test func tooFewSamplesNameTheNumber() throws {
        for test in RiskTest.allCases {
            let wish = RiskWish(.accuracyGap, limit: 0.02, confidence: 0.95, test: test)
            let few = try syntheticLogits(count: 60)
            let error = #expect(throws: CalibrationError.self) { try RiskControl.run(few, wish, measure: .confidence, seed: 0) }
            let text = try #require(error?.message)
            #expect(text.contains("60 samples") && text.contains("give at least"))
            let words = text.split(separator: " ")
            let number = try #require(words.firstIndex(of: "least").flatMap { Int(words[$0 + 1]) })
            // The nearest that these samples could prove is named, and can be asked for.
            let nearest = try #require(words.last.flatMap { Double($0) })
            #expect(nearest > 0.02)
            _ = try RiskControl.run(few, RiskWish(.accuracyGap, limit: nearest, confidence: 0.95, test: test), measure: .confidence, seed: 0)
            let enough = try syntheticLogits(count: number)
            _ = try RiskControl.run(enough, wish, measure: .confidence, seed: 0)
            let short = try syntheticLogits(count: number - 4)
            #expect(throws: CalibrationError.self) { try RiskControl.run(short, wish, measure: .confidence, seed: 0) }
        }
    }
}
