import MExitIR
import MExitParallel
import MExitRuntime

/// One method on all samples and in every fold.
struct MethodBench {
    let method: CalibrationMethod
    let outcomes: ExitOutcomes
    /// Weight of probabilities against labels in its search, chosen by cross-validation.
    let softness: Double
    private let fitter: PolicyFitter
    private let validation: CrossValidation

    struct Result {
        var thresholds: [Double]
        var tally: PolicyTally
        /// On samples that thresholds were not chosen on; nil when it was not asked for or failed in a fold.
        var crossValidated: PolicyTally?
        /// Per sample, whether cross-validation had it right.
        var correct: [Bool]
    }

    init(_ method: CalibrationMethod, _ outcomes: ExitOutcomes, order: [Int], folds: Int) {
        self.method = method
        self.outcomes = outcomes
        let softness = CrossValidation.softness(method, outcomes, order: order, folds: folds)
        fitter = PolicyFitter(method, outcomes, softness: softness)
        validation = CrossValidation(method, outcomes, order: order, folds: folds, softness: softness)
        self.softness = softness
    }

    /// The highest accuracy that its thresholds reach on the samples, and its cost per sample.
    func mostAccurate() -> (accuracy: Double, macs: Double) {
        let (tally, n) = (fitter.mostAccurate(), Double(outcomes.count))
        return (Double(tally.good) / n, tally.cost / n)
    }

    /// Nil when the method cannot meet the goal.
    func result(_ goal: PerSampleGoal, crossValidates: Bool = true, isThorough: Bool = true) -> Result? {
        guard let thresholds = fitter.fit(goal, isThorough: isThorough) else { return nil }
        let tally = outcomes.tally(exits: PolicyFitter.exits(outcomes, method, thresholds))
        guard crossValidates, let held = validation.run(goal) else {
            return Result(thresholds: thresholds, tally: tally, crossValidated: nil, correct: [])
        }
        let correct = held.exits.indices.map { outcomes.correct[held.exits[$0]][$0] }
        return Result(thresholds: thresholds, tally: tally, crossValidated: held.tally, correct: correct)
    }
}

extension Calibrator {
    /// The method to use, and why: the first candidate, unless another is more accurate in cross-validation by more than the
    /// standard error of their difference. Less than that is noise, and max softmax is what everybody knows.
    func choose(_ results: [MethodBench.Result?]) -> (index: Int, reason: String) {
        if candidates == 1 { return (0, "asked for") }
        var best = 0
        var reason = "no other measure is better by more than the standard error in cross-validation"
        for index in 1..<candidates {
            guard let other = results[index], !other.correct.isEmpty else { continue }
            guard let leader = results[best], !leader.correct.isEmpty else {
                best = index
                reason = "the first measure that has thresholds at this cost"
                continue
            }
            let (mean, error) = difference(other.correct, leader.correct)
            if mean > error {
                reason = "cross-validated accuracy is \(points(mean)) points above that of \(benches[best].method.rawValue), standard error \(points(error))"
                best = index
            }
        }
        return (best, reason)
    }

    /// Mean of the per-sample difference and its standard error.
    private func difference(_ a: [Bool], _ b: [Bool]) -> (mean: Double, error: Double) {
        let n = Double(a.count)
        var (sum, squares) = (0.0, 0.0)
        for (first, second) in zip(a, b) where first != second {
            sum += first ? 1 : -1
            squares += 1
        }
        let mean = sum / n
        return (mean, (max(0, squares / n - mean * mean) / n).squareRoot())
    }

    private func points(_ share: Double) -> String { "\((share * 10_000).rounded() / 100)" }

    func rows(_ results: [MethodBench.Result?]) -> [MethodResult] {
        results.indices.compactMap { index in
            results[index].map {
                MethodResult(
                    method: benches[index].method, macs: $0.tally.meanMACs, accuracy: $0.tally.accuracy,
                    crossValidatedMacs: $0.crossValidated?.meanMACs, crossValidatedAccuracy: $0.crossValidated?.accuracy)
            }
        }
    }

    /// Exits at temperature 1 and at theirs.
    func exits() -> [ExitCalibration] {
        // A temperature changes no label, and the probabilities at the fitted ones are known already.
        let outcomes = benches[0].outcomes
        return pool.map(logits.exitCount) { exit in
            var (before, after) = (Reliability(), Reliability())
            logits.forEachSample(exit: exit) { index, z in
                let isCorrect = outcomes.correct[exit][index]
                before.add(probability: ConfidenceMeasure.confidence.verdict(z, temperature: 1).probability, isCorrect: isCorrect)
                after.add(probability: outcomes.probability[exit][index], isCorrect: isCorrect)
            }
            return ExitCalibration(
                exit: exit, macs: logits.macs[exit], accuracy: exitAccuracy[exit], scaling: scalings[exit], reliabilityBefore: before,
                reliabilityAfter: after, eceBefore: before.expectedCalibrationError, eceAfter: after.expectedCalibrationError)
        }
    }

    /// Searched and geometric thresholds at budgets from the first exit's cost to the last's, searched briefly: for a picture.
    func curves() -> [CalibrationResult.Curve] {
        let (least, most) = (Double(logits.macs.first ?? 0), Double(logits.macs.last ?? 0))
        let benches = benches.filter { $0.method.isSearched || $0.method == .geometric }
        return pool.map(benches.count) { index in
            var curve = CalibrationResult.Curve(method: benches[index].method, macs: [], accuracy: [])
            for step in 0...16 {
                let goal = PerSampleGoal.mostAccurate(macs: least + (most - least) * Double(step) / 16)
                guard let result = benches[index].result(goal, crossValidates: false, isThorough: false),
                    result.tally.meanMACs > curve.macs.last ?? 0
                else { continue }
                curve.macs.append(result.tally.meanMACs)
                curve.accuracy.append(result.tally.accuracy)
            }
            return curve
        }
    }
}

extension WorkerPool {
    /// `body` of 0 ..< count, in that order, worked out by all threads.
    func map<Result>(_ count: Int, _ body: (Int) -> Result) -> [Result] {
        [Result](unsafeUninitializedCapacity: count) { out, filled in
            let results = out
            run(count) { _, index in results.initializeElement(at: index, to: body(index)) }
            filled = count
        }
    }
}
