import MExitIR
import MExitRuntime

/// How each exit does on each sample: how sure it is, what it says, and whether that is right. Policies are tried on this.
struct ExitOutcomes: Sendable {
    /// Multiply-adds of an answer at each exit, `[E]`.
    let macs: [Double]
    /// Per exit, `[N]`: the policy's measure at the exit's temperature, bit for bit what the runtime will see.
    let certainty: [[Double]]
    /// Per exit, `[N]`: softmax probability of the class it names, at the exit's temperature.
    let probability: [[Double]]
    /// Per exit, `[N]`: the class it names.
    let labels: [[Int32]]
    /// Per exit, `[N]`.
    let correct: [[Bool]]

    var count: Int { labels.first?.count ?? 0 }
    var exitCount: Int { macs.count }
    var last: Int { macs.count - 1 }

    /// - Parameter temperatures: one per exit.
    /// - Complexity: O(N E K).
    init(_ logits: ExitLogits, measure: ConfidenceMeasure, temperatures: [Double]) {
        macs = logits.macs.map(Double.init)
        var certainty: [[Double]] = []
        var probability: [[Double]] = []
        var labels: [[Int32]] = []
        for exit in 0..<logits.exitCount {
            var probable = [Double](repeating: 0, count: logits.count)
            var sure = [Double](repeating: 0, count: logits.count)
            var named = [Int32](repeating: 0, count: logits.count)
            logits.forEachSample(exit: exit) { index, z in
                let verdict = measure.verdict(z, temperature: temperatures[exit])
                sure[index] = verdict.certainty
                probable[index] = verdict.probability
                named[index] = Int32(verdict.label)
            }
            certainty.append(sure)
            probability.append(probable)
            labels.append(named)
        }
        self.certainty = certainty
        self.probability = probability
        self.labels = labels
        correct = labels.map { named in named.indices.map { named[$0] == logits.labels[$0] } }
    }

    private init(macs: [Double], certainty: [[Double]], probability: [[Double]], labels: [[Int32]], correct: [[Bool]]) {
        self.macs = macs
        self.certainty = certainty
        self.probability = probability
        self.labels = labels
        self.correct = correct
    }

    /// The samples at `indices`, in that order.
    func subset(_ indices: [Int]) -> ExitOutcomes {
        ExitOutcomes(
            macs: macs, certainty: certainty.map { all in indices.map { all[$0] } },
            probability: probability.map { all in indices.map { all[$0] } }, labels: labels.map { all in indices.map { all[$0] } },
            correct: correct.map { all in indices.map { all[$0] } })
    }

    /// Whether each exit's label is the last one's, in place of whether it is right.
    var agreement: [[Bool]] {
        let final = labels[last]
        return labels.map { named in named.indices.map { named[$0] == final[$0] } }
    }

    /// Where each sample leaves under thresholds, one per exit but the last.
    func exits(thresholds: [Double]) -> [Int] {
        (0..<count).map { index in
            for exit in 0..<last where certainty[exit][index] >= thresholds[exit] { return exit }
            return last
        }
    }

    /// Where each sample leaves when `patience` exits in a row have confirmed the label before them.
    func exits(patience: Int) -> [Int] {
        (0..<count).map { index in
            var streak = 0
            for exit in 1..<max(exitCount, 1) {
                streak = labels[exit][index] == labels[exit - 1][index] ? streak + 1 : 0
                if streak >= patience { return exit }
            }
            return last
        }
    }

    func tally(exits: [Int]) -> PolicyTally {
        var tally = PolicyTally(exits: exitCount)
        for (index, exit) in exits.enumerated() { tally.add(exit: exit, isCorrect: correct[exit][index], macs: macs[exit]) }
        return tally
    }
}

/// What a policy gives on labelled samples.
public struct PolicyTally: Hashable, Sendable {
    public private(set) var count = 0
    public private(set) var correct = 0
    /// Of all samples together.
    public private(set) var macs = 0.0
    /// Samples that left at each exit, and how many of them were right.
    public private(set) var left: [Int]
    public private(set) var right: [Int]

    init(exits: Int) {
        left = Array(repeating: 0, count: exits)
        right = left
    }

    mutating func add(exit: Int, isCorrect: Bool, macs cost: Double) {
        count += 1
        macs += cost
        left[exit] += 1
        if isCorrect {
            correct += 1
            right[exit] += 1
        }
    }

    public var accuracy: Double { Double(correct) / Double(max(count, 1)) }
    public var meanMACs: Double { macs / Double(max(count, 1)) }
    public var shares: [Double] { left.map { Double($0) / Double(max(count, 1)) } }
}
