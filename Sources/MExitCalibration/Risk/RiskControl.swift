import MExitIR
import MExitRuntime

/// A promise to be proved: with this confidence, over the choice of samples, the quantity does not exceed the limit.
public struct RiskWish: Hashable, Sendable {
    /// ``Promise/Quantity/accuracyGap`` or ``Promise/Quantity/disagreement``.
    public var quantity: Promise.Quantity
    /// Above 0 and below 1.
    public var limit: Double
    /// Above 0 and below 1.
    public var confidence: Double
    public var test: RiskTest

    public init(_ quantity: Promise.Quantity = .accuracyGap, limit: Double, confidence: Double = 0.9, test: RiskTest = .betting) {
        self.quantity = quantity
        self.limit = limit
        self.confidence = confidence
        self.test = test
    }
}

/// Learn then Test along a path of policies from the safest to the boldest.
///
/// The samples are shuffled. A third of them shapes the path: temperatures, and thresholds from the full network down to the first
/// exit. The others are looked at only by the tests, so that these see a path that does not depend on them. Going down the path,
/// each policy's "the risk is above the limit" is tested at level 1 - confidence; testing ends at the first that is not
/// rejected, and the policy **before** it is the answer. The first of the path is the whole network, whose risk is 0 by definition
/// and needs no test. The probability that the answer breaks its promise is at most 1 - confidence.
///
/// - Source: Angelopoulos et al., Learn then Test, 2021 (arXiv:2110.01052), fixed-sequence testing.
struct RiskControl {
    /// Of the samples, those that shape the path.
    static let designShare = 1.0 / 3
    /// Policies on the path, the whole network not counted.
    static let steps = 60

    struct Result {
        var temperatures: [Double]
        var measure: ConfidenceMeasure
        var thresholds: [Double]
        /// What the quantity is proved not to exceed: the limit that was tested; 0 where the whole network is the answer, whose
        /// risk is 0 by definition. A bound of the chosen policy alone would be lower, but the same samples chose the policy: it
        /// would not hold with the wished confidence.
        var bound: Double
        /// The quantity on the samples that tested it.
        var observed: Double
        /// How it does on the samples that tested it.
        var tally: PolicyTally
        /// Its place on the path (0: the whole network), and the path's length.
        var step: Int
        var steps: Int
        /// Samples that shaped the path, and that tested it.
        var designed: Int
        var tested: Int
    }

    /// - Throws: ``CalibrationError`` when no number of right answers among these samples could prove the limit; it says how many
    ///   samples could.
    static func run(_ logits: ExitLogits, _ wish: RiskWish, measure: ConfidenceMeasure, seed: UInt64) throws -> Result {
        let order = shuffledIndices(logits.count, seed: seed, 1)
        let designed = Int((Double(logits.count) * designShare).rounded())
        return try run(design: logits.subset(Array(order[..<designed])), test: logits.subset(Array(order[designed...])), wish, measure: measure)
    }

    static func run(design: ExitLogits, test: ExitLogits, _ wish: RiskWish, measure: ConfidenceMeasure) throws -> Result {
        let delta = 1 - wish.confidence
        let losses = LossScale(wish)
        let needed = RiskBounds.samplesNeeded(wish.test, limit: losses.scaled(wish.limit), loss: losses.scaled(0), delta: delta)
        guard test.count >= needed else {
            let all = Int((Double(needed) / (1 - designShare)).rounded(.up)) + 1
            throw CalibrationError(
                "cannot promise \(wish.quantity.rawValue) of at most \(wish.limit) with confidence \(wish.confidence) from \(design.count + test.count) samples: even if every one of the \(test.count) that test it were fine, it would not be proved; give at least \(all) samples, or allow a risk of \(nearest(wish, losses, tested: test.count))")
        }
        let temperatures = TemperatureScaling.all(design).map(\.temperature)
        let path = path(ExitOutcomes(design, measure: measure, temperatures: temperatures), wish)
        let outcomes = ExitOutcomes(test, measure: measure, temperatures: temperatures)
        // The whole network: every sample agrees with it, whatever is sampled.
        var best = (step: 0, exits: [Int](repeating: outcomes.last, count: outcomes.count))
        var thresholds = [Double](repeating: RankedOutcomes.never, count: outcomes.last)
        for (step, candidate) in path.enumerated() {
            let exits = outcomes.exits(thresholds: candidate)
            let values = losses.losses(outcomes, exits: exits)
            // Stop before the first that is not rejected: nothing behind it may be tested any more.
            guard RiskBounds.pValue(wish.test, values, limit: losses.scaled(wish.limit), delta: delta) <= delta else { break }
            best = (step + 1, exits)
            thresholds = candidate
        }
        return Result(
            temperatures: temperatures, measure: measure, thresholds: thresholds, bound: best.step == 0 ? 0 : wish.limit,
            observed: outcomes.risk(wish.quantity, exits: best.exits, of: best.exits.indices), tally: outcomes.tally(exits: best.exits), step: best.step, steps: path.count, designed: design.count, tested: test.count)
    }

    /// The least limit, in steps of a thousandth, that so many samples could prove; 1 when none.
    private static func nearest(_ wish: RiskWish, _ losses: LossScale, tested: Int) -> Double {
        (1...1000).lazy.map { Double($0) / 1000 }.first { limit in
            limit > wish.limit
                && RiskBounds.samplesNeeded(wish.test, limit: losses.scaled(limit), loss: losses.scaled(0), delta: 1 - wish.confidence) <= tested
        } ?? 1
    }

    /// Thresholds with less and less cost; at each cost those with the most right answers (or with the most labels that are the
    /// last exit's) on the samples that shape the path.
    static func path(_ outcomes: ExitOutcomes, _ wish: RiskWish) -> [[Double]] {
        // Few samples shape the path: labels alone would make it follow their accidents.
        let ranked =
            wish.quantity == .disagreement
            ? RankedOutcomes(outcomes, good: outcomes.agreement) : RankedOutcomes(outcomes).softened(outcomes, weight: 0.5)
        let optimiser = ThresholdOptimiser(ranked)
        let (least, most) = (ranked.macs[0], ranked.macs[ranked.last])
        var cuts = [Int](repeating: 0, count: ranked.last)
        var path: [[Double]] = []
        for step in 1...steps {
            let cost = most - (most - least) * Double(step) / Double(steps)
            let next = optimiser.refined(cuts, .mostGood(cost: cost * Double(ranked.count)))
            if next != cuts { path.append(ranked.thresholds(next)) }
            cuts = next
        }
        return path
    }
}

extension ExitOutcomes {
    /// The share of samples at `indices` that lose their accuracy, or disagree, when each leaves at its exit.
    ///
    /// - Parameter exits: per sample of all.
    func risk(_ quantity: Promise.Quantity, exits: [Int], of indices: some Collection<Int>) -> Double {
        let sum = indices.reduce(0) { sum, sample in
            let exit = exits[sample]
            if quantity == .disagreement { return sum + (labels[exit][sample] == labels[last][sample] ? 0 : 1) }
            return sum + (correct[last][sample] ? 1 : 0) - (correct[exit][sample] ? 1 : 0)
        }
        return Double(sum) / Double(max(indices.count, 1))
    }
}

/// Losses of a wish, scaled to 0 ... 1 as the tests need them.
struct LossScale {
    private let kind: Kind

    private enum Kind {
        /// 1 where the label is not the last exit's.
        case disagreement
        /// Right at the last exit minus right where the sample left: -1, 0, 1, scaled to 0, 1/2, 1.
        case gap
        /// 1 where the last exit is right and the sample left with another label. Its mean is at least the gap. Hoeffding and
        /// Bentkus know nothing of variance, and for them this is far sharper than the gap scaled to 0, 1/2, 1.
        case harm
    }

    init(_ wish: RiskWish) {
        kind = wish.quantity == .disagreement ? .disagreement : wish.test == .betting ? .gap : .harm
    }

    func scaled(_ risk: Double) -> Double { kind == .gap ? (1 + risk) / 2 : risk }

    func losses(_ outcomes: ExitOutcomes, exits: [Int]) -> [Double] {
        let last = outcomes.last
        return exits.indices.map { sample in
            let exit = exits[sample]
            switch kind {
            case .disagreement: return outcomes.labels[exit][sample] == outcomes.labels[last][sample] ? 0 : 1
            case .gap:
                let (whole, early) = (outcomes.correct[last][sample], outcomes.correct[exit][sample])
                return whole == early ? 0.5 : whole ? 1 : 0
            case .harm: return outcomes.correct[last][sample] && !outcomes.correct[exit][sample] ? 1 : 0
            }
        }
    }
}
