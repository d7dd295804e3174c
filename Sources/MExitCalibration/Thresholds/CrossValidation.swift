import MExitData

/// What a method gives on samples that its thresholds were not chosen on: every sample is in one of the folds, and the
/// thresholds that judge it were chosen on the others.
struct CrossValidation {
    private let folds: [(training: PolicyFitter, held: ExitOutcomes, heldIndices: [Int])]
    private let method: CalibrationMethod
    private let outcomes: ExitOutcomes

    /// - Parameters:
    ///   - order: the samples shuffled; fold f has every sample whose place is f modulo `folds`.
    init(_ method: CalibrationMethod, _ outcomes: ExitOutcomes, order: [Int], folds count: Int, softness: Double = 0) {
        self.method = method
        self.outcomes = outcomes
        folds = (0..<count).map { fold in
            var training: [Int] = []
            var held: [Int] = []
            for (place, sample) in order.enumerated() {
                if place % count == fold { held.append(sample) } else { training.append(sample) }
            }
            return (PolicyFitter(method, outcomes.subset(training), softness: softness), outcomes.subset(held), held)
        }
    }

    /// The weight of probabilities in the search (``RankedOutcomes/softened(_:weight:)``) that does best on held samples at a few
    /// costs between the first exit's and the last's; the smallest of equals.
    static func softness(_ method: CalibrationMethod, _ outcomes: ExitOutcomes, order: [Int], folds: Int) -> Double {
        guard method.isSearched else { return 0 }
        let (least, most) = (outcomes.macs[0], outcomes.macs[outcomes.last])
        var best = (softness: 0.0, correct: -1)
        for softness in [0, 0.5, 1] {
            let validation = CrossValidation(method, outcomes, order: order, folds: folds, softness: softness)
            let correct = [0.15, 0.3, 0.5].reduce(0) { sum, share in
                let goal = PerSampleGoal.mostAccurate(macs: least + (most - least) * share)
                return sum + (validation.run(goal, isThorough: false)?.tally.correct ?? 0)
            }
            if correct > best.correct { best = (softness, correct) }
        }
        return best.softness
    }

    /// - Returns: what came out, and the exit of each sample; nil when the goal cannot be met in some fold.
    func run(_ goal: PerSampleGoal, isThorough: Bool = true) -> (tally: PolicyTally, exits: [Int])? {
        var exits = [Int](repeating: 0, count: outcomes.count)
        for fold in folds {
            guard let thresholds = fold.training.fit(goal, isThorough: isThorough) else { return nil }
            for (place, exit) in PolicyFitter.exits(fold.held, method, thresholds).enumerated() { exits[fold.heldIndices[place]] = exit }
        }
        return (outcomes.tally(exits: exits), exits)
    }
}

/// 0 ..< count in an order that depends on the seed alone.
func shuffledIndices(_ count: Int, seed: UInt64, _ stream: Int = 0) -> [Int] {
    var random = CounterRandom(.calibration, seed: seed, stream)
    var order = Array(0..<count)
    random.shuffle(&order)
    return order
}
