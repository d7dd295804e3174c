import MExitData

/// Everything that decides what a training run computes, beside network and data. Threads change nothing and are not here.
public struct TrainingOptions: Hashable, Sendable {
    /// Passes over the training images.
    public var epochs: Int
    /// Images of a step; brought down to the number of training images. A last short batch of an epoch is left out, because
    /// its batch norms would be poor.
    public var batchSize: Int
    /// The full learning rate, see ``LearningRateSchedule``.
    public var learningRate: Double
    public var schedule: LearningRateSchedule.Shape
    /// Epochs of rising learning rate.
    public var warmup: Double
    public var optimizer: SGDOptions
    public var deconfliction: DeconflictionOptions
    /// s of ``SoftmaxCrossEntropy``, in training; validation losses are without.
    public var labelSmoothing: Double
    public var exitWeights: ExitWeights
    /// Nil: exits learn from the labels alone.
    public var distillation: Distillation?
    /// Which weights are validated and saved.
    public var averaging: Averaging
    public var augmentation: Augmentation
    public var mixing: Mixing
    /// Nil: measured on the training images.
    public var normalization: Normalization?
    /// Chooses first weights, the order of images, and augmentations.
    public var seed: UInt64

    public init(
        epochs: Int = 20, batchSize: Int = 64, learningRate: Double = 0.1, schedule: LearningRateSchedule.Shape = .cosine,
        warmup: Double = 1, optimizer: SGDOptions = SGDOptions(), deconfliction: DeconflictionOptions = DeconflictionOptions(),
        labelSmoothing: Double = 0, exitWeights: ExitWeights = .constant, distillation: Distillation? = nil, averaging: Averaging = .none,
        augmentation: Augmentation = Augmentation(), mixing: Mixing = Mixing(), normalization: Normalization? = nil, seed: UInt64 = 0
    ) {
        self.epochs = epochs
        self.batchSize = batchSize
        self.learningRate = learningRate
        self.schedule = schedule
        self.warmup = warmup
        self.optimizer = optimizer
        self.deconfliction = deconfliction
        self.labelSmoothing = labelSmoothing
        self.exitWeights = exitWeights
        self.distillation = distillation
        self.averaging = averaging
        self.augmentation = augmentation
        self.mixing = mixing
        self.normalization = normalization
        self.seed = seed
    }

    /// Checks all that does not depend on the data.
    ///
    /// - Throws: ``TrainingError``, ``NetworkError`` or `DataError` naming the number and its range.
    public func check() throws {
        guard (1...1_000_000).contains(epochs) else {
            throw TrainingError(.badOption, "the number of epochs is \(epochs); it must be 1 ... 1000000")
        }
        guard (1...1 << 20).contains(batchSize) else {
            throw TrainingError(.badOption, "batch size is \(batchSize); it must be 1 ... \(1 << 20)")
        }
        try optimizer.check()
        try deconfliction.check()
        try exitWeights.check()
        try mixing.check()
        try distillation?.check()
        try averaging.check(epochs: epochs)
        _ = try LearningRateSchedule(base: learningRate, shape: schedule, warmup: warmup, epochs: epochs, stepsPerEpoch: 1)
        _ = try SoftmaxCrossEntropy(labelSmoothing: labelSmoothing)
    }

    /// Losses that the exits' gradients are kept apart for: one each, or one for all where nothing looks at them apart.
    func lossGroups(exits: Int) -> [Int]? {
        switch deconfliction.method {
        case .none: [Int](repeating: 0, count: exits)
        case .project, .pcgrad, .cagrad: nil
        }
    }
}
