import MExitIR
import Testing
import _MExitTestSupport

@testable import MExitCalibration

@Suite struct CalibratorTests {
    private func calibrator(_ count: Int = 1500, method: CalibrationMethod? = nil) throws -> Calibrator {
        var options = Calibrator.Options()
        options.method = method
        options.threads = 2
        options.date = "2026-11-24T00:00:00Z"
        return try Calibrator(syntheticLogits(count: count, overconfidence: 3), options: options)
    }

    @Test func pointsHoldWhatWasWished() throws {
        let calibrator = try calibrator()
        let accuracy = try #require(calibrator.exitAccuracy.last)
        let result = try calibrator.run([(.macs(2600), "cheap"), (.belowFull(0.01), nil), (.risk(RiskWish(limit: 0.03)), nil)])
        #expect(result.points.map(\.name) == ["cheap", "full-0.01", "gap-0.03"])
        let logits = try syntheticLogits(count: 1500, overconfidence: 3)
        for point in result.points {
            #expect(point.policy.samples == 1500 && point.policy.dataFingerprint == "00000000000000ff" && point.policy.date == "2026-11-24T00:00:00Z")
            let outcomes = ExitOutcomes(logits, measure: point.method.measure, temperatures: point.temperatures)
            let tally = outcomes.tally(exits: PolicyFitter.exits(outcomes, point.method, point.thresholds))
            switch point.name {
            case "cheap": #expect(tally.meanMACs <= 2600 && point.policy.promise?.quantity == .macs && point.policy.promise?.limit == 2600)
            case "full-0.01": #expect(tally.accuracy >= accuracy - 0.01 && point.policy.promise?.quantity == .accuracy)
            default: #expect(point.policy.promise?.confidence == 0.9 && point.policy.promise?.method == "betting")
            }
            #expect(abs(point.shares.reduce(0, +) - 1) < 1e-12)
        }
        // Logits three times too large: the temperatures say so, and the exits become as sure as they should be.
        #expect(result.exits.allSatisfy { $0.scaling.temperature > 2 && $0.eceAfter < $0.eceBefore })
        // Patience cannot leave before exit 1, which costs more than this.
        #expect(result.points[0].comparison.map(\.method) == [.confidence, .entropy, .margin, .geometric, .shared])
        #expect(result.points[1].comparison.count >= 5)
    }

    @Test func whatIsStoredFitsAModel() throws {
        var model = try randomModel(Architectures.preset(named: "msdnet-tiny").graph(classes: 5), seed: 3)
        let logits = try syntheticLogits(count: 600, exits: 5)
        let result = try Calibrator(logits).run([(.sweep(4), nil), (.macs(3000), nil)])
        model.policies = result.points.map(\.policy)
        model.gainTables = result.gainTables
        try model.check()
        #expect(model.policies.map(\.name) == ["sweep-1", "sweep-2", "sweep-3", "sweep-4", "3k"])
        let macs = result.points.prefix(4).map { $0.policy.promise?.limit ?? 0 }
        #expect(macs == macs.sorted() && macs[0] == 1500)
    }

    /// The same samples and seed: the same thresholds, whatever the number of threads.
    @Test func threadsDoNotMatter() throws {
        var options = Calibrator.Options()
        let logits = try syntheticLogits(count: 500)
        let one = try Calibrator(logits, options: options).run([(.macs(2500), nil)])
        options.threads = 3
        let three = try Calibrator(logits, options: options).run([(.macs(2500), nil)])
        #expect(one.points[0].policy == three.points[0].policy && one.gainTables == three.gainTables)
    }

    @Test func wishesThatCannotBeMetNameTheNearest() throws {
        let calibrator = try calibrator(400)
        func message(_ wish: CalibrationWish) -> String {
            do { _ = try calibrator.run([(wish, nil)]) } catch { return "\(error)" }
            return ""
        }
        #expect(message(.macs(1000)).contains("exit 0 alone costs 1.5k"))
        let best = calibrator.benches[0].mostAccurate()
        #expect(message(.accuracy(0.9999)).contains("\(best.accuracy)"))
        #expect(message(.accuracy(best.accuracy)).isEmpty, "what is named is possible")
        #expect(message(.risk(RiskWish(limit: 0.001, confidence: 0.99))).contains("give at least"))
        #expect(throws: CalibrationError.self) { try calibrator.run([(.macs(2000), "a"), (.macs(2500), "a")]) }
    }

    @Test func badSamples() throws {
        func message(labels: [Int32], classes: Int) -> String {
            do {
                _ = try ExitLogits(
                    name: "d", labels: labels, classCount: classes, macs: [1, 2],
                    values: Array(repeating: Array(repeating: 0, count: labels.count * classes), count: 2))
            } catch { return "\(error)" }
            return ""
        }
        #expect(message(labels: [1, 1, 1], classes: 2).contains("class 1"))
        #expect(message(labels: [0, 1], classes: 3).contains("2 samples for 3 classes"))
        #expect(message(labels: [], classes: 3).contains("0 samples"))
        #expect(message(labels: [0, 5], classes: 2).contains("do not fit"))
        #expect(message(labels: [0, 0], classes: 1).contains("at least 2"))
        let few = try syntheticLogits(count: 6)
        #expect(throws: CalibrationError.self) { try Calibrator(few) }
    }

    @Test func gainTablesCount() throws {
        let logits = try syntheticLogits(count: 1000)
        let tables = GainTables.counted(logits, measure: .confidence, temperatures: [1, 1, 1, 1], date: "")
        let outcomes = ExitOutcomes(logits, measure: .confidence, temperatures: [1, 1, 1, 1])
        for (exit, table) in tables.exits.enumerated() {
            #expect(table.counts.reduce(0, +) == 1000 && table.counts.count == 20 && table.counts.allSatisfy { $0 >= 45 })
            for later in exit..<4 {
                // Labels and probabilities count half each; nothing is lost or won by smoothing.
                let right = zip(table.accuracy, table.counts).reduce(0.0) { $0 + $1.0[later - exit] * Double($1.1) }
                let labels = Double(outcomes.correct[later].filter { $0 }.count)
                #expect(abs(right - (labels + outcomes.probability[later].reduce(0, +)) / 2) < 1e-6)
                let gains = table.accuracy.map { $0[later - exit] - $0[0] }
                #expect(zip(gains, gains.dropFirst()).allSatisfy { $1 <= $0 + 1e-12 })
            }
            // The surer, the dearer the policies that send on.
            #expect(table.goesOnFrom.count == 20 && zip(table.goesOnFrom, table.goesOnFrom.dropFirst()).allSatisfy { $0 <= $1 })
            #expect(table.goesOnFrom.allSatisfy { (logits.macs[0]...2 * logits.macs[3] + 1).contains(Int($0)) })
            // Hard samples gain most by going on.
            #expect(table.accuracy[0][3 - exit] - table.accuracy[0][0] > table.accuracy[19][3 - exit] - table.accuracy[19][0])
        }
    }

    /// Against every falling sequence of a grid.
    @Test func theClosestFallingSequence() {
        #expect(IsotonicRegression.falling([], weights: []) == [])
        #expect(IsotonicRegression.falling([3, 2, 2, 1], weights: [1, 5, 1, 2]) == [3, 2, 2, 1])
        #expect(IsotonicRegression.falling([1, 2, 3], weights: [1, 1, 2]) == [2.25, 2.25, 2.25])
        let (means, weights) = ([0.5, 0.75, 0.25, 0.5], [1.0, 3, 2, 2])
        func distance(_ values: [Double]) -> Double {
            values.indices.reduce(0) { $0 + weights[$1] * (values[$1] - means[$1]) * (values[$1] - means[$1]) }
        }
        let best = IsotonicRegression.falling(means, weights: weights)
        #expect(zip(best, best.dropFirst()).allSatisfy { $0 >= $1 })
        let steps = (0...16).map { Double($0) / 16 }
        for a in steps { for b in steps where b <= a { for c in steps where c <= b { for d in steps where d <= c {
            #expect(distance(best) <= distance([a, b, c, d]) + 1e-12)
        } } } }
    }

    @Test func costsHaveShortNames() {
        #expect([2e7, 8.25e6, 950_000, 1500, 999, 1e9].map(shortCost) == ["20M", "8.25M", "950k", "1.5k", "999", "1G"])
        #expect(CalibrationWish.macs(2e7).name == "20M" && CalibrationWish.belowFull(0).name == "full")
    }
}
