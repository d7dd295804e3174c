import MExitData
import MExitRuntime

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
}

/// How a policy does on a data set, with real early exits.
public struct PolicyEvaluation: Hashable, Sendable, Codable {
    /// The policy as it was asked for.
    public var policy: String
    public var accuracy: Double
    public var correct: Int
    public var samples: Int
    /// Multiply-adds that were executed, per sample, and the share of the whole network's that was not.
    public var meanMACs: Double
    public var savedShare: Double
    /// Wall-clock throughput, loading of pixels into the network's input included, decoding of files not.
    public var imagesPerSecond: Double
    /// Per exit: its index, the share of samples that left there, and how often they were right.
    public var exits: [ExitShare]

    /// `MACs` as one word, so that encoders that change the case of keys write `mean_macs`.
    private enum CodingKeys: String, CodingKey {
        case policy, accuracy, correct, samples, meanMACs = "meanMacs", savedShare, imagesPerSecond, exits
    }

    public struct ExitShare: Hashable, Sendable, Codable {
        public var exit: Int
        public var share: Double
        /// Nil when no sample left there.
        public var accuracy: Double?
    }
}

/// Runs a model over labelled data.
public struct Evaluator {
    private let model: CompiledModel
    private let data: DataSet
    private let context: InferenceContext

    /// - Parameters:
    ///   - batch: samples under way at once.
    ///   - threads: that share the work.
    /// - Throws: ``EvaluationError`` when the data's images or classes are not the model's; `RuntimeError` when memory is short.
    public init(_ model: CompiledModel, data: DataSet, batch: Int = 64, threads: Int = 1) throws {
        let shape = model.inputShape
        guard data.channels == shape.channels, data.size.height == shape.height, data.size.width == shape.width else {
            throw EvaluationError("cannot evaluate on \(data.name): its images are \(data.channels)x\(data.size), the model takes \(shape)")
        }
        guard data.classNames.count == model.classCount else {
            throw EvaluationError("cannot evaluate on \(data.name): it has \(data.classNames.count) classes, the model tells \(model.classCount) apart")
        }
        guard data.count > 0 else { throw EvaluationError("cannot evaluate on \(data.name): it has no images") }
        self.model = model
        self.data = data
        context = try InferenceContext(model, slots: min(batch, data.count), threads: threads)
    }

    /// Accuracy of every exit over all samples. Each sample runs the whole network once.
    public func exits() throws -> [ExitEvaluation] {
        var correct = [Int](repeating: 0, count: model.stageCount)
        var start = 0
        while start < data.count {
            var group: [(slot: Int, index: Int)] = []
            while start + group.count < data.count, let slot = context.takeSlot() { group.append((slot, start + group.count)) }
            defer { group.forEach { context.release($0.slot) } }
            for member in group { try load(member.index, into: member.slot) }
            for stage in 0..<model.stageCount {
                try context.runStage(stage, slots: group.map(\.slot))
                for member in group {
                    let label = try context.label(of: member.slot)
                    if label == data.label(of: member.index) { correct[stage] += 1 }
                }
            }
            start += group.count
        }
        return correct.indices.map { stage in
            let cost = model.cumulativeCosts[stage]
            return ExitEvaluation(
                exit: model.exits[stage], accuracy: Double(correct[stage]) / Double(data.count), correct: correct[stage],
                samples: data.count, macs: cost.macs, flops: cost.flops)
        }
    }

    /// Accuracy, cost and speed under a policy: samples that leave are not computed further.
    ///
    /// - Parameter name: how the result calls the policy.
    public func evaluate(_ policy: ExitPolicy, name: String) throws -> PolicyEvaluation {
        let policy = try CheckedPolicy(policy, for: model)
        var left = [Int](repeating: 0, count: model.stageCount)
        var right = [Int](repeating: 0, count: model.stageCount)
        let before = context.work
        let start = ContinuousClock.now
        try context.classify(count: data.count, policy: policy) { index, slot in
            try load(index, into: slot)
        } answer: { index, answer in
            left[answer.stages - 1] += 1
            if answer.label == data.label(of: index) { right[answer.stages - 1] += 1 }
        }
        let seconds = start.duration(to: .now) / .seconds(1)
        let macs = Double(context.work.macs - before.macs) / Double(data.count)
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

    private func load(_ index: Int, into slot: Int) throws {
        try data.withPixels(of: index) { try context.load(pixels: $0, into: slot) }
    }
}

/// Data that a model cannot be evaluated on; the message names both sides.
public struct EvaluationError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}
