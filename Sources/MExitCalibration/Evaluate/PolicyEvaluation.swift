import MExitRuntime

/// One way to choose exits, to be evaluated.
public struct EvaluatedPolicy: Sendable {
    enum Kind: Sendable {
        case policy(CheckedPolicy)
        /// Multiply-adds per sample, all samples being one batch.
        case exactBudget(macs: Double)
    }

    /// How results call it.
    public let name: String
    let kind: Kind

    /// - Throws: `RuntimeError` when the policy does not fit the model.
    public init(_ policy: ExitPolicy, for model: CompiledModel, name: String) throws {
        self.name = name
        kind = .policy(try CheckedPolicy(policy, for: model))
    }

    /// A budget that is never exceeded, called `exact:8M`: all samples are one batch of at most so many multiply-adds per sample.
    ///
    /// - Throws: ``EvaluationError`` when it does not pay the first exit.
    public init(exactMACs macs: Double, for model: CompiledModel) throws {
        let least = model.stageCosts[0].macs
        guard macs.isFinite, macs >= Double(least), macs < 0x1p40 else {
            throw EvaluationError("cannot evaluate at \(shortCost(macs)) MACs per image: exit 0 alone costs \(shortCost(Double(least))); ask for at least that")
        }
        name = "exact:\(shortCost(macs))"
        kind = .exactBudget(macs: macs)
    }
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
    /// The same as seconds per image.
    public var secondsPerImage: Double
    /// Per exit: its index, the share of samples that left there, and how often they were right.
    public var exits: [ExitShare]

    /// `MACs` as one word, so that encoders that change the case of keys write `mean_macs`.
    private enum CodingKeys: String, CodingKey {
        case policy, accuracy, correct, samples, meanMACs = "meanMacs", savedShare, imagesPerSecond, secondsPerImage, exits
    }

    public struct ExitShare: Hashable, Sendable, Codable {
        public var exit: Int
        public var share: Double
        /// Nil when no sample left there.
        public var accuracy: Double?
    }
}

/// Counts of one policy as samples go by; memory does not grow with them.
struct PolicyCounter {
    let policy: EvaluatedPolicy
    private var left: [Int]
    private var right: [Int]
    private var macs = 0
    private var seconds = 0.0
    /// What is left for the samples to come; nil for a policy.
    private var budget: ExactBudget?

    /// - Parameter samples: that will come.
    init(_ policy: EvaluatedPolicy, samples: Int, of model: CompiledModel) throws {
        self.policy = policy
        left = Array(repeating: 0, count: model.stageCount)
        right = left
        if case .exactBudget(let macs) = policy.kind {
            budget = try ExactBudget(.macs(Int(macs * Double(samples))), samples: samples, of: model)
        }
    }

    /// Classifies a part of the data under the policy: samples that leave are not computed further.
    mutating func add(_ part: AllExits) throws {
        let context = part.context
        let before = context.work
        let start = ContinuousClock.now
        func take(_ index: Int, _ answer: Answer) {
            left[answer.stages - 1] += 1
            if answer.label == part.data.label(of: index) { right[answer.stages - 1] += 1 }
        }
        if case .policy(let policy) = policy.kind {
            try context.classify(count: part.data.count, policy: policy, load: part.load, answer: take)
        } else if var left = budget {
            try context.classify(count: part.data.count, within: &left, load: part.load, answer: take)
            budget = left
        }
        seconds += start.duration(to: .now) / .seconds(1)
        macs += context.work.macs - before.macs
    }

    func evaluation(of model: CompiledModel) -> PolicyEvaluation {
        let samples = left.reduce(0, +)
        let n = Double(max(samples, 1))
        let mean = Double(macs) / n
        let whole = Double(model.cumulativeCosts[model.stageCount - 1].macs)
        let correct = right.reduce(0, +)
        return PolicyEvaluation(
            policy: policy.name, accuracy: Double(correct) / n, correct: correct, samples: samples, meanMACs: mean,
            savedShare: whole > 0 ? 1 - mean / whole : 0, imagesPerSecond: n / max(seconds, 1e-9), secondsPerImage: seconds / n,
            exits: left.indices.map { stage in
                PolicyEvaluation.ExitShare(
                    exit: model.exits[stage], share: Double(left[stage]) / n,
                    accuracy: left[stage] > 0 ? Double(right[stage]) / Double(left[stage]) : nil)
            })
    }
}
