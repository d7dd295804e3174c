import MExitIR
import MExitParallel
import MExitRuntime

/// How often a promise is kept: the same calibration on many random parts of the samples, each judged by the rest.
///
/// A promise is about the samples' source, which nobody has. All samples together stand for it here (`whole`); the part that
/// was not calibrated on (`rest`) is a sample of it and scatters around it.
public struct RiskTrials: Sendable, Encodable {
    public var trials: Int
    /// Samples that each trial calibrates on, and that judge it.
    public var calibrationSamples: Int
    public var restSamples: Int
    public var limit: Double
    public var confidence: Double
    /// Share of trials whose risk on the rest, and on all samples, is within the limit.
    public var keptOnRest: Double
    public var keptOnWhole: Double
    /// Means over the trials: of the risk on all samples, and on those that tested it.
    public var meanRisk: Double
    public var meanObserved: Double
    public var meanMACs: Double
    public var savedShare: Double

    private enum CodingKeys: String, CodingKey {
        case trials, calibrationSamples, restSamples, limit, confidence, keptOnRest, keptOnWhole, meanRisk, meanObserved, savedShare
        case meanMACs = "meanMacs"
    }

    /// - Parameters:
    ///   - method: confidence, entropy or margin.
    ///   - samples: that each trial calibrates on; nil for half.
    /// - Throws: ``CalibrationError``.
    public static func run(
        _ logits: ExitLogits, _ wish: RiskWish, method: CalibrationMethod, samples: Int? = nil, trials: Int, seed: UInt64, threads: Int
    ) throws -> RiskTrials {
        let calibrated = samples ?? logits.count / 2
        guard calibrated > 0, calibrated < logits.count, trials > 0 else {
            throw CalibrationError("cannot try \(trials) splits with \(calibrated) of \(logits.count) samples; both parts need some")
        }
        struct Trial {
            var rest = 0.0
            var whole = 0.0
            var observed = 0.0
            var macs = 0.0
        }
        let pool = WorkerPool(threads: max(1, threads))
        let results: [Result<Trial, any Error>] = pool.map(trials) { trial in
            Result {
                let order = shuffledIndices(logits.count, seed: seed, trial + 2)
                let designed = Int((Double(calibrated) * RiskControl.designShare).rounded())
                let found = try RiskControl.run(
                    design: logits.subset(Array(order[..<designed])), test: logits.subset(Array(order[designed..<calibrated])), wish,
                    measure: method.measure)
                let outcomes = ExitOutcomes(logits, measure: method.measure, temperatures: found.temperatures)
                let exits = outcomes.exits(thresholds: found.thresholds)
                return Trial(
                    rest: outcomes.risk(wish.quantity, exits: exits, of: order[calibrated...]),
                    whole: outcomes.risk(wish.quantity, exits: exits, of: 0..<logits.count), observed: found.observed,
                    macs: outcomes.tally(exits: exits).meanMACs)
            }
        }
        let all = try results.map { try $0.get() }
        func share(_ holds: (Trial) -> Bool) -> Double { Double(all.reduce(0) { $0 + (holds($1) ? 1 : 0) }) / Double(trials) }
        func mean(_ value: (Trial) -> Double) -> Double { all.reduce(0) { $0 + value($1) } / Double(trials) }
        let macs = mean { $0.macs }
        return RiskTrials(
            trials: trials, calibrationSamples: calibrated, restSamples: logits.count - calibrated, limit: wish.limit, confidence: wish.confidence,
            keptOnRest: share { $0.rest <= wish.limit }, keptOnWhole: share { $0.whole <= wish.limit },
            meanRisk: mean { $0.whole }, meanObserved: mean { $0.observed }, meanMACs: macs,
            savedShare: 1 - macs / Double(max(logits.macs.last ?? 1, 1)))
    }
}
