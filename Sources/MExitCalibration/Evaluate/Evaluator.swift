import MExitData
import MExitRuntime

/// Runs a model over labelled data that comes a part at a time, in memory that does not depend on how much there is.
public struct Evaluator {
    private let model: CompiledModel
    private let context: InferenceContext
    private var exits: AnytimeCounter
    private var stageSeconds: [Double]
    private var policyCounters: [PolicyCounter]

    /// - Parameters:
    ///   - policies: to be evaluated beside the exits.
    ///   - samples: that will be added, all parts together; exact budgets are for so many.
    ///   - batch: samples under way at once.
    ///   - threads: that share the work.
    /// - Throws: `RuntimeError` when memory is short.
    public init(_ model: CompiledModel, policies: [EvaluatedPolicy] = [], samples: Int, batch: Int = 64, threads: Int = 1) throws {
        self.model = model
        context = try InferenceContext(model, slots: max(batch, 1), threads: threads)
        exits = AnytimeCounter(exits: model.stageCount, classes: model.classCount)
        stageSeconds = Array(repeating: 0, count: model.stageCount)
        policyCounters = try policies.map { try PolicyCounter($0, samples: samples, of: model) }
    }

    /// Takes a part of the data: every sample through the whole network once, then by each policy as deep as that says.
    ///
    /// - Throws: ``EvaluationError`` when the data's images or classes are not the model's; `RuntimeError`.
    public mutating func add(_ part: DataSet) throws {
        let all = try AllExits(model, data: part, in: context)
        let seconds = try countExits(all)
        for stage in seconds.indices { stageSeconds[stage] += seconds[stage] }
        for index in policyCounters.indices { try policyCounters[index].add(all) }
    }

    /// What every exit does with all samples so far.
    public var anytime: AnytimeEvaluation {
        let costs = model.cumulativeCosts
        return exits.evaluation(exits: model.exits, macs: costs.map(\.macs), flops: costs.map(\.flops), seconds: stageSeconds)
    }

    /// Accuracy, cost and speed under each policy, of all samples so far.
    public var policies: [PolicyEvaluation] { policyCounters.map { $0.evaluation(of: model) } }

    /// - Returns: seconds that each stage took.
    private mutating func countExits(_ all: AllExits) throws -> [Double] {
        let stages = model.stageCount
        var correct: [Bool] = []
        var first = 0
        return try all.run { index, stage, logits in
            // Stage by stage, all samples of a batch: their answers so far wait in `correct`, `[samples of the batch, E]`.
            if stage == 0 {
                if correct.isEmpty { first = index }
                correct += Array(repeating: false, count: stages)
            }
            let verdict = ConfidenceMeasure.confidence.verdict(logits, temperature: 1)
            let truth = all.data.label(of: index)
            exits.add(exit: stage, truth: truth, label: verdict.label, probability: verdict.probability)
            let row = (index - first) * stages
            correct[row + stage] = verdict.label == truth
            if stage == stages - 1 {
                exits.finish(correct[row..<row + stages])
                if row + stages == correct.count { correct.removeAll(keepingCapacity: true) }
            }
        }
    }
}

/// Data that a model cannot be evaluated on; the message names both sides.
public struct EvaluationError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}
