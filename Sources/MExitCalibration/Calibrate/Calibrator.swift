import MExitIR
import MExitParallel
import MExitRuntime

/// Chooses operating points from the logits of labelled samples.
public struct Calibrator {
    public struct Options: Hashable, Sendable {
        /// The method of all points; nil for the one that cross-validation finds best.
        public var method: CalibrationMethod?
        /// Chooses folds, and the samples that shape the path of a proved promise.
        public var seed: UInt64 = 0
        public var folds = 5
        public var threads = 1
        /// When, RFC 3339 in UTC; stored with the points.
        public var date = ""

        public init() {}
    }

    private let start = ContinuousClock.now
    let logits: ExitLogits
    let options: Options
    let pool: WorkerPool
    let scalings: [TemperatureScaling]
    var temperatures: [Double] { scalings.map(\.temperature) }
    /// Methods to choose from, each with its cross-validation; then those for comparison only.
    let benches: [MethodBench]
    let candidates: Int
    /// Accuracy of each exit when all samples take it.
    let exitAccuracy: [Double]

    /// - Throws: ``CalibrationError`` when there are fewer samples than folds.
    public init(_ logits: ExitLogits, options: Options = Options()) throws {
        guard options.folds >= 2, logits.count >= 2 * options.folds else {
            throw CalibrationError("cannot calibrate on \(logits.name): \(logits.count) samples for \(options.folds) folds; at least \(2 * max(options.folds, 2)) samples are needed")
        }
        self.logits = logits
        self.options = options
        let pool = WorkerPool(threads: max(1, options.threads))
        self.pool = pool
        let scalings = pool.map(logits.exitCount) { TemperatureScaling(logits, exit: $0) }
        self.scalings = scalings
        let chosen = options.method.map { [$0] } ?? [.confidence, .entropy, .margin, .patience]
        let methods = chosen + [.geometric, .shared].filter { !chosen.contains($0) }
        let order = shuffledIndices(logits.count, seed: options.seed)
        // Several methods look at one measure: its softmaxes are worked out once.
        let measures = ConfidenceMeasure.allCases.filter { measure in methods.contains { $0.measure == measure } }
        let outcomes = pool.map(measures.count) { index in
            ExitOutcomes(logits, measure: measures[index], temperatures: scalings.map(\.temperature))
        }
        let byMeasure = Dictionary(uniqueKeysWithValues: zip(measures, outcomes))
        let benchesOutcomes = methods.compactMap { method in byMeasure[method.measure].map { (method, $0) } }
        benches = pool.map(benchesOutcomes.count) { index in
            MethodBench(benchesOutcomes[index].0, benchesOutcomes[index].1, order: order, folds: options.folds)
        }
        candidates = chosen.count
        exitAccuracy = benches[0].outcomes.correct.map { Double($0.reduce(0) { $0 + ($1 ? 1 : 0) }) / Double(logits.count) }
    }

    /// Operating points for the wishes, gain tables, and what the report shows.
    ///
    /// - Parameter wishes: with the name of each point; nil for ``CalibrationWish/name``.
    /// - Throws: ``CalibrationError`` when a wish cannot be met; it names the nearest possible.
    public func run(_ wishes: [(wish: CalibrationWish, name: String?)]) throws -> CalibrationResult {
        var points: [OperatingPoint] = []
        for (wish, name) in wishes { points += try self.points(wish, name: name ?? wish.name) }
        var names = Set<String>()
        for point in points where !names.insert(point.name).inserted {
            throw CalibrationError("two operating points would be named '\(point.name)'; give them names")
        }
        // On halves of the shipped models' validation images that the tables had not seen, the margin told best who gains, entropy least.
        let tables = GainTables.counted(logits, measure: .margin, temperatures: temperatures, date: options.date)
        let (exits, curves) = (self.exits(), self.curves())
        return CalibrationResult(
            data: logits.name, dataFingerprint: logits.fingerprint, samples: logits.count, classes: logits.classCount, exits: exits, points: points,
            gainTables: tables, curves: curves, seconds: start.duration(to: .now) / .seconds(1))
    }

    private func points(_ wish: CalibrationWish, name: String) throws -> [OperatingPoint] {
        switch wish {
        case .macs(let macs): return [try point(macs: macs, wish, name: name)]
        case .accuracy(let accuracy): return [try point(accuracy: accuracy, wish, name: name)]
        case .belowFull(let gap): return [try point(accuracy: max(0, (exitAccuracy.last ?? 0) - gap), wish, name: name)]
        case .risk(let risk): return [try point(risk, wish, name: name)]
        case .sweep(let count):
            let least = Double(logits.macs.first ?? 0)
            let whole = Double(logits.macs.last ?? 0)
            let most = benches[0].result(.mostAccurate(macs: whole), crossValidates: false)?.tally.meanMACs ?? whole
            return try (0..<count).map { index in
                let macs = least + (most - least) * Double(index) / Double(max(count - 1, 1))
                var point = try point(macs: macs, .macs(macs), name: "sweep-\(index + 1)")
                point.isOfSweep = true
                return point
            }
        }
    }

    private func point(macs: Double, _ wish: CalibrationWish, name: String) throws -> OperatingPoint {
        let least = Double(logits.macs.first ?? 0)
        guard macs >= least else {
            throw CalibrationError("cannot spend \(shortCost(macs)) MACs per sample: exit 0 alone costs \(shortCost(least)); ask for at least that")
        }
        let goal = PerSampleGoal.mostAccurate(macs: macs)
        let results = pool.map(benches.count) { benches[$0].result(goal) }
        let (index, reason) = choose(results)
        guard let result = results[index] else { throw CalibrationError("no thresholds of \(benches[index].method.rawValue) cost at most \(shortCost(macs)) MACs per sample; the exits cost \(logits.macs.map { shortCost(Double($0)) }.joined(separator: ", "))") }
        let unspent = result.tally.meanMACs < PolicyFitter.leastSpent * macs ? "; a higher cost was not more accurate on these samples" : ""
        return point(
            result, of: benches[index], wish, name: name, reason: reason + unspent, comparison: rows(results),
            promise: Promise(.macs, limit: macs, bound: result.crossValidated?.meanMACs ?? result.tally.meanMACs, method: "cross-validation"))
    }

    private func point(accuracy: Double, _ wish: CalibrationWish, name: String) throws -> OperatingPoint {
        let goal = PerSampleGoal.cheapest(accuracy: accuracy)
        // The methods are compared at the cost that max softmax needs, so that there is one number to compare.
        guard let first = benches[0].result(goal, crossValidates: false) else {
            let best = benches[0].mostAccurate()
            throw CalibrationError(
                "cannot keep an accuracy of \(accuracy) on \(logits.name): the most accurate policy found has \(best.accuracy) at \(shortCost(best.macs.rounded())) MACs per sample; ask for that or less")
        }
        let results = pool.map(benches.count) { benches[$0].result(.mostAccurate(macs: first.tally.meanMACs)) }
        var (index, reason) = choose(results)
        var result = first
        if let chosen = benches[index].result(goal) {
            result = chosen
        } else {
            (index, reason) = (0, "the measure that is more accurate at this cost does not reach the accuracy")
            result = benches[0].result(goal) ?? first
        }
        return point(
            result, of: benches[index], wish, name: name, reason: reason, comparison: rows(results),
            promise: Promise(
                .accuracy, limit: accuracy, bound: result.crossValidated?.accuracy ?? result.tally.accuracy, method: "cross-validation"))
    }

    private func point(_ risk: RiskWish, _ wish: CalibrationWish, name: String) throws -> OperatingPoint {
        let method = options.method ?? .confidence
        guard [.confidence, .entropy, .margin].contains(method) else {
            throw CalibrationError("cannot prove a risk with \(method.rawValue): it has no path of thresholds; use confidence, entropy or margin")
        }
        let result = try RiskControl.run(logits, risk, measure: method.measure, seed: options.seed)
        let words = "\(risk.test.rawValue), fixed-sequence testing; step \(result.step) of \(result.steps); \(result.designed) samples shaped the path, \(result.tested) tested it"
        let policy = NamedPolicy(
            name: name, measure: method.policyMeasure, thresholds: result.thresholds, temperatures: result.temperatures,
            method: "\(wish.description): \(words)", expectedMACs: result.tally.meanMACs, expectedAccuracy: result.tally.accuracy,
            samples: logits.count, dataFingerprint: logits.fingerprint, date: options.date,
            promise: Promise(risk.quantity, limit: risk.limit, bound: result.bound, confidence: risk.confidence, method: risk.test.rawValue))
        return OperatingPoint(
            name: name, wish: wish.description, method: method, reason: options.method == nil ? "the usual measure; a promise is proved for one" : "asked for",
            thresholds: result.thresholds, temperatures: result.temperatures, expectedMacs: result.tally.meanMACs,
            expectedAccuracy: result.tally.accuracy, shares: result.tally.shares, comparison: [],
            risk: RiskDetails(
                quantity: risk.quantity.rawValue, limit: risk.limit, confidence: risk.confidence, test: risk.test, observed: result.observed,
                designSamples: result.designed, testSamples: result.tested, step: result.step, steps: result.steps),
            policy: policy)
    }

    private func point(
        _ result: MethodBench.Result, of bench: MethodBench, _ wish: CalibrationWish, name: String, reason: String, comparison: [MethodResult],
        promise: Promise
    ) -> OperatingPoint {
        let expected = result.crossValidated ?? result.tally
        let words = "\(wish.description): \(bench.method.rawValue)"
            + (bench.method.isSearched ? ", probabilities weigh \(bench.softness) in the search" : "") + "; \(options.folds)-fold cross-validation"
        let temperatures = temperatures
        return OperatingPoint(
            name: name, wish: wish.description, method: bench.method, reason: reason, thresholds: result.thresholds, temperatures: temperatures,
            expectedMacs: expected.meanMACs, expectedAccuracy: expected.accuracy, shares: result.tally.shares, comparison: comparison, risk: nil,
            policy: NamedPolicy(
                name: name, measure: bench.method.policyMeasure, thresholds: result.thresholds, temperatures: temperatures, method: words,
                expectedMACs: expected.meanMACs, expectedAccuracy: expected.accuracy, samples: logits.count, dataFingerprint: logits.fingerprint,
                date: options.date, promise: promise))
    }
}
