import MExitRuntime

/// Ways to choose when a sample leaves, which calibration compares at equal cost.
public enum CalibrationMethod: String, Hashable, Sendable, Codable, CaseIterable {
    /// A threshold per exit on the largest softmax probability, on 1 minus relative entropy, on the margin; searched for.
    case confidence, entropy, margin
    /// The exits that must agree in a row.
    case patience
    /// MSDNet's one-parameter thresholds on the largest softmax probability.
    case geometric
    /// One threshold for all exits on the largest softmax probability.
    case shared

    /// What the runtime measures.
    var measure: ConfidenceMeasure {
        switch self {
        case .entropy: .entropy
        case .margin: .margin
        case .confidence, .patience, .geometric, .shared: .confidence
        }
    }

    /// As ``NamedPolicy/measure``.
    var policyMeasure: String { self == .patience ? "patience" : measure.rawValue }
}

extension CalibrationMethod {
    /// Whether thresholds are searched for exit by exit.
    var isSearched: Bool { self == .confidence || self == .entropy || self == .margin }
}

/// One way to choose when to leave, prepared on some samples.
struct PolicyFitter {
    let method: CalibrationMethod
    let outcomes: ExitOutcomes
    private let ranked: RankedOutcomes
    /// On right and wrong, and on what is smoother.
    private let plain: ThresholdOptimiser
    private let smooth: ThresholdOptimiser?
    private let memory = Memory()

    /// What does not depend on the goal and is worked out once; like the searches, it belongs to one thread at a time.
    private final class Memory {
        /// By thoroughness: the cost of the most right answers.
        var saturation: [Bool: Double] = [:]
    }

    /// - Parameter softness: weight of probabilities against labels in the search (``RankedOutcomes/softened(_:weight:)``).
    init(_ method: CalibrationMethod, _ outcomes: ExitOutcomes, softness: Double) {
        self.method = method
        self.outcomes = outcomes
        ranked = RankedOutcomes(outcomes)
        plain = ThresholdOptimiser(ranked)
        smooth = softness > 0 ? ThresholdOptimiser(ranked.softened(outcomes, weight: softness)) : nil
    }

    /// Thresholds as ``NamedPolicy/thresholds`` has them, for a goal per sample; nil when it cannot be met.
    func fit(_ goal: PerSampleGoal, isThorough: Bool = true) -> [Double]? {
        let total = goal.total(count: outcomes.count)
        switch method {
        case .confidence, .entropy, .margin:
            switch total {
            case .mostGood(let limit, _): return spent(limit, isThorough).map(ranked.thresholds)
            case .leastCost(let good): return cheapest(good).map(ranked.thresholds)
            case .priced: return plain.solve(total).map(ranked.thresholds)
            }
        case .patience:
            let candidates = (1...max(outcomes.last, 1)).map { patience in
                let tally = outcomes.tally(exits: outcomes.exits(patience: patience))
                return (patience, CutTally(good: tally.correct, cost: tally.macs))
            }
            let best = candidates.max { total.score($0.1) < total.score($1.1) }
            return best.flatMap { total.isMet($0.1) ? Array(repeating: Double($0.0), count: outcomes.last) : nil }
        case .geometric:
            guard case .mostGood(let limit, _) = total else { return nil }
            return SimpleThresholds.geometric(ranked, cost: limit).map(ranked.thresholds)
        case .shared:
            guard case .mostGood(let limit, _) = total else { return nil }
            return SimpleThresholds.shared(ranked, cost: limit).map(ranked.thresholds)
        }
    }

    /// Of a limit, the share that is spent where more cost can buy more right answers.
    static let leastSpent = 0.995

    /// The most right answers at a cost, with the cost spent. Accuracy over cost is nearly flat towards its end, and there the
    /// samples' labels often say that some lower cost does as well. That is their noise: on average deeper exits are better, and
    /// whoever names a cost plans with it. So where less is spent, the best that spends it is taken, unless more than the limit
    /// would not have more right answers either.
    private func spent(_ limit: Double, _ isThorough: Bool) -> [Int]? {
        guard let found = mostGood(.mostGood(cost: limit), isThorough) else { return nil }
        let least = PolicyFitter.leastSpent * limit
        if ranked.tally(found).cost >= least { return found }
        guard saturation(isThorough) > limit, let other = mostGood(.mostGood(cost: limit, spending: least), isThorough) else { return found }
        return other
    }

    /// The cost of all samples at which right answers stop growing in number.
    private func saturation(_ isThorough: Bool) -> Double {
        if let known = memory.saturation[isThorough] { return known }
        let cost = mostGood(.mostGood(cost: .infinity), isThorough).map { ranked.tally($0).cost } ?? 0
        memory.saturation[isThorough] = cost
        return cost
    }

    /// What the smooth search finds, if it has at least as many right answers as the geometric method at this cost; else that
    /// method's thresholds, bettered. So the answer is never worse than the geometric method's on these samples.
    private func mostGood(_ goal: ThresholdGoal, _ isThorough: Bool) -> [Int]? {
        guard case .mostGood(let limit, _) = goal else { return nil }
        let known = SimpleThresholds.geometric(ranked, cost: limit)
        func isAsGood(_ cuts: [Int]) -> Bool { known.map { ranked.tally(cuts).good >= ranked.tally($0).good } ?? true }
        if let found = (smooth ?? plain).solve(goal, isThorough: isThorough), isAsGood(found) { return found }
        guard let known else { return nil }
        let bettered = plain.refined(known, goal)
        return goal.isMet(ranked.tally(bettered)) && isAsGood(bettered) ? bettered : nil
    }

    /// The least cost at which there are enough right answers, by halving.
    private func cheapest(_ good: Int) -> [Int]? {
        let n = Double(outcomes.count)
        var (low, high) = (ranked.macs[0] * n, ranked.macs[ranked.last] * n)
        guard smooth != nil, var best = mostGood(.mostGood(cost: high), true), ranked.tally(best).good >= good else { return plain.solve(.leastCost(good: good)) }
        high = ranked.tally(best).cost
        for _ in 0..<10 where high > low {
            let middle = (low + high) / 2
            if let cuts = mostGood(.mostGood(cost: middle), true), ranked.tally(cuts).good >= good {
                best = cuts
                high = middle
            } else {
                low = middle
            }
        }
        return best
    }

    /// The most right answers that thresholds were found to give on these samples, and what that costs.
    func mostAccurate() -> CutTally {
        let whole = [Int](repeating: 0, count: ranked.last)
        return plain.solve(.mostGood(cost: .infinity)).map(ranked.tally) ?? ranked.tally(whole)
    }

    /// Where samples leave under what ``fit(_:isThorough:)`` gave.
    static func exits(_ outcomes: ExitOutcomes, _ method: CalibrationMethod, _ thresholds: [Double]) -> [Int] {
        method == .patience ? outcomes.exits(patience: Int(thresholds.first ?? 1)) : outcomes.exits(thresholds: thresholds)
    }
}

/// A goal that does not depend on how many samples there are.
enum PerSampleGoal: Hashable, Sendable {
    case mostAccurate(macs: Double)
    case cheapest(accuracy: Double)

    func total(count: Int) -> ThresholdGoal {
        switch self {
        case .mostAccurate(let macs): .mostGood(cost: macs * Double(count))
        // Not one sample more than asked for because 0.8 x 5 is 4.000000000000001.
        case .cheapest(let accuracy): .leastCost(good: Int((accuracy * Double(count) - 1e-9).rounded(.up)))
        }
    }
}
