import MExitIR

/// All that changes while a network is trained: enough to go on, bit for bit, as if it had never stopped.
///
/// The order of images and their augmentations follow from seed, epoch and index, so a position is two numbers and no generator
/// needs saving.
public final class TrainerState {
    public let parameters: ParameterStore
    public let optimizer: SGD
    /// What validation and the saved model use in place of the parameters, if anything.
    public let average: WeightAverage?
    public let seed: UInt64
    /// Steps done since the beginning. Epoch and place in it follow from the steps of an epoch.
    public internal(set) var step = 0
    /// Training results of the epoch in progress.
    public internal(set) var tally: [ExitTally]

    /// Fresh weights.
    ///
    /// - Parameter stepsBefore: the steps before a plain mean of weights begins.
    /// - Throws: ``TrainingError``, ``NetworkError``.
    init(graph: Graph, optimizer: SGDOptions, seed: UInt64, averaging: Averaging, stepsBefore: Int) throws {
        parameters = try ParameterStore(graph: graph)
        parameters.initialize(seed: seed)
        self.optimizer = try SGD(parameters: parameters, options: optimizer)
        self.seed = seed
        average = averaging == .none ? nil : try WeightAverage(parameters: parameters, averaging: averaging, stepsBefore: stepsBefore)
        tally = graph.exits.map { _ in ExitTally() }
    }
}

/// Loss and hits of one exit, summed over images.
public struct ExitTally: Hashable, Sendable {
    /// Sum of the losses of all images seen.
    public var lossSum = 0.0
    /// Images whose largest logit was the label's.
    public var correct = 0
    public var seen = 0

    public init() {}

    mutating func add(_ result: SoftmaxCrossEntropy.Result, images: Int) {
        lossSum += result.loss * Double(images)
        correct += result.correct
        seen += images
    }

    /// Mean loss; 0 before the first image.
    public var loss: Double { seen == 0 ? 0 : lossSum / Double(seen) }
    /// 0 ... 1; 0 before the first image.
    public var accuracy: Double { seen == 0 ? 0 : Double(correct) / Double(seen) }
}
