/// How one exit does on a data set, taken by every sample.
public struct ExitEvaluation: Hashable, Sendable, Codable {
    /// Index of the exit.
    public var exit: Int
    /// Share of samples whose label it gives, 0 ... 1.
    public var accuracy: Double
    public var correct: Int
    public var samples: Int
    /// Cost of an answer at this exit.
    public var macs: Int
    public var flops: Int
    /// Wall-clock time per image to an answer here, without loading and without choosing an exit.
    public var secondsPerImage: Double
    /// ``Reliability/expectedCalibrationError`` of the softmax probabilities, at temperature 1.
    public var ece: Double
    public var reliability: Reliability
    /// Samples that this exit has right and the last exit wrong: thinking on destroys the answer.
    public var overthought: Int
    /// Samples that it has right and no exit before it had.
    public var firstCorrect: Int
    /// `[K][K]`: samples by true class, then by the class that this exit names.
    public var confusion: [[Int]]

    /// The pairs of classes that this exit confuses most: `truth` was taken for `label`.
    public func mostConfused(_ most: Int) -> [(truth: Int, label: Int, count: Int)] {
        var pairs: [(truth: Int, label: Int, count: Int)] = []
        for (truth, row) in confusion.enumerated() {
            for (label, count) in row.enumerated() where label != truth && count > 0 { pairs.append((truth, label, count)) }
        }
        pairs.sort { ($1.count, $0.truth, $0.label) < ($0.count, $1.truth, $1.label) }
        return Array(pairs.prefix(most))
    }
}

/// What all exits do on a data set.
public struct AnytimeEvaluation: Hashable, Sendable, Codable {
    public var exits: [ExitEvaluation]
    /// Share of samples that some exit has right: what a perfect choice of exits would reach.
    public var oracleAccuracy: Double
    /// Mean multiply-adds of that choice: the first exit that is right, or the first exit where none is.
    public var oracleMACs: Double
    /// Share of samples that some exit has right and the last one wrong.
    ///
    /// - Source: Kaya, Hong and Dumitras, Shallow-Deep Networks: Understanding and Mitigating Network Overthinking, ICML 2019
    ///   (arXiv:1810.07052), who call it destructive.
    public var overthinking: Double
    /// Share that an exit before the last already has right, as the last one has: going on is wasted on them.
    public var wasteful: Double

    private enum CodingKeys: String, CodingKey { case exits, oracleAccuracy, oracleMACs = "oracleMacs", overthinking, wasteful }
}

/// Counts as samples go by; memory does not grow with them.
struct AnytimeCounter {
    private let last: Int
    private var reliability: [Reliability]
    private var confusion: [[[Int]]]
    private var overthought: [Int]
    private var firstCorrect: [Int]
    private var solved = 0
    private var destroyed = 0
    private var wasted = 0
    private var samples = 0

    init(exits: Int, classes: Int) {
        last = exits - 1
        reliability = Array(repeating: Reliability(), count: exits)
        confusion = Array(repeating: Array(repeating: Array(repeating: 0, count: classes), count: classes), count: exits)
        overthought = Array(repeating: 0, count: exits)
        firstCorrect = overthought
    }

    mutating func add(exit: Int, truth: Int, label: Int, probability: Double) {
        reliability[exit].add(probability: probability, isCorrect: label == truth)
        confusion[exit][truth][label] += 1
    }

    /// Takes which exits were right on one sample, once all have spoken.
    mutating func finish(_ correct: ArraySlice<Bool>) {
        samples += 1
        let first = correct.firstIndex(of: true).map { $0 - correct.startIndex }
        if let first {
            solved += 1
            firstCorrect[first] += 1
            if correct[correct.startIndex + last] { wasted += first < last ? 1 : 0 } else { destroyed += 1 }
        }
        if correct[correct.startIndex + last] { return }
        for exit in 0..<last where correct[correct.startIndex + exit] { overthought[exit] += 1 }
    }

    func evaluation(exits: [Int], macs: [Int], flops: [Int], seconds: [Double]) -> AnytimeEvaluation {
        let n = Double(max(samples, 1))
        var total = 0.0
        let results = exits.indices.map { stage in
            let right = confusion[stage].indices.reduce(0) { $0 + confusion[stage][$1][$1] }
            total += seconds[stage]
            return ExitEvaluation(
                exit: exits[stage], accuracy: Double(right) / n, correct: right, samples: samples, macs: macs[stage], flops: flops[stage],
                secondsPerImage: total / n, ece: reliability[stage].expectedCalibrationError, reliability: reliability[stage],
                overthought: overthought[stage], firstCorrect: firstCorrect[stage], confusion: confusion[stage])
        }
        let oracle = zip(firstCorrect, macs).reduce(0.0) { $0 + Double($1.0) * Double($1.1) } + Double(samples - solved) * Double(macs.first ?? 0)
        return AnytimeEvaluation(
            exits: results, oracleAccuracy: Double(solved) / n, oracleMACs: oracle / n, overthinking: Double(destroyed) / n,
            wasteful: Double(wasted) / n)
    }
}
