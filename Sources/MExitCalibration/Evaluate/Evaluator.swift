import MExitData
import MExitRuntime

/// Runs a model over labelled data, in memory that does not depend on how much there is.
public struct Evaluator {
    private let all: AllExits
    private var model: CompiledModel { all.model }
    private var data: DataSet { all.data }

    /// - Parameters:
    ///   - batch: samples under way at once.
    ///   - threads: that share the work.
    /// - Throws: ``EvaluationError`` when the data's images or classes are not the model's; `RuntimeError` when memory is short.
    public init(_ model: CompiledModel, data: DataSet, batch: Int = 64, threads: Int = 1) throws {
        all = try AllExits(model, data: data, batch: batch, threads: threads)
    }

    /// What every exit does with all samples. Each sample runs the whole network once.
    public func anytime() throws -> AnytimeEvaluation {
        var counter = AnytimeCounter(exits: model.stageCount, classes: model.classCount)
        let stages = model.stageCount
        var correct: [Bool] = []
        var first = 0
        let seconds = try all.run { index, stage, logits in
            // Stage by stage, all samples of a batch: their answers so far wait in `correct`, `[samples of the batch, E]`.
            if stage == 0 {
                if correct.isEmpty { first = index }
                correct += Array(repeating: false, count: stages)
            }
            let verdict = ConfidenceMeasure.confidence.verdict(logits, temperature: 1)
            let truth = data.label(of: index)
            counter.add(exit: stage, truth: truth, label: verdict.label, probability: verdict.probability)
            let row = (index - first) * stages
            correct[row + stage] = verdict.label == truth
            if stage == stages - 1 {
                counter.finish(correct[row..<row + stages])
                if row + stages == correct.count { correct.removeAll(keepingCapacity: true) }
            }
        }
        let costs = model.cumulativeCosts
        return counter.evaluation(exits: model.exits, macs: costs.map(\.macs), flops: costs.map(\.flops), seconds: seconds)
    }

    /// Accuracy, cost and speed under a policy: samples that leave are not computed further.
    ///
    /// - Parameter name: how the result calls the policy.
    public func evaluate(_ policy: ExitPolicy, name: String) throws -> PolicyEvaluation {
        let policy = try CheckedPolicy(policy, for: model)
        var left = [Int](repeating: 0, count: model.stageCount)
        var right = [Int](repeating: 0, count: model.stageCount)
        let before = all.context.work
        let start = ContinuousClock.now
        try all.context.classify(count: data.count, policy: policy) { index, slot in
            try all.load(index, into: slot)
        } answer: { index, answer in
            left[answer.stages - 1] += 1
            if answer.label == data.label(of: index) { right[answer.stages - 1] += 1 }
        }
        let seconds = start.duration(to: .now) / .seconds(1)
        let macs = Double(all.context.work.macs - before.macs) / Double(data.count)
        let whole = Double(model.cumulativeCosts[model.stageCount - 1].macs)
        let correct = right.reduce(0, +)
        return PolicyEvaluation(
            policy: name, accuracy: Double(correct) / Double(data.count), correct: correct, samples: data.count, meanMACs: macs,
            savedShare: whole > 0 ? 1 - macs / whole : 0, imagesPerSecond: Double(data.count) / max(seconds, 1e-9),
            exits: left.indices.map { stage in
                PolicyEvaluation.ExitShare(
                    exit: model.exits[stage], share: Double(left[stage]) / Double(data.count),
                    accuracy: left[stage] > 0 ? Double(right[stage]) / Double(left[stage]) : nil)
            })
    }
}

/// Data that a model cannot be evaluated on; the message names both sides.
public struct EvaluationError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}
