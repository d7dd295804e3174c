/// What training is about to do.
public struct RunReport: Hashable, Sendable {
    public var epochs: Int
    public var stepsPerEpoch: Int
    /// Images of a step.
    public var batchSize: Int
    public var trainingImages: Int
    public var validationImages: Int
    /// Steps already done by an earlier run that this one goes on from.
    public var firstStep: Int
}

/// One step that is done.
public struct StepReport: Hashable, Sendable {
    /// Counted from 1.
    public var epoch: Int
    /// Steps since the beginning of training.
    public var step: Int
    public var learningRate: Double
    /// Of the batch, per exit, before the step.
    public var loss: [Double]
    /// Of the combined gradient of the whole network, without weight decay.
    public var gradientNorm: Double
    /// Images of the batch.
    public var images: Int
}

/// One epoch that is done, validated.
public struct EpochReport: Hashable, Sendable {
    /// Counted from 1.
    public var epoch: Int
    public var step: Int
    /// Of the last step.
    public var learningRate: Double
    /// On augmented training images while the weights were changing, per exit.
    public var training: [ExitTally]
    /// On the held-out images, per exit; empty when none are held out.
    public var validation: [ExitTally]
    /// Training images over the time of the epoch's steps, validation left out.
    public var imagesPerSecond: Double
    public var conflicts: ConflictStatistics
}

/// Is told what training does; see ``Trainer/run(observers:isInterrupted:)``.
public protocol TrainingObserver: AnyObject {
    func trainingStarted(_ report: RunReport) throws
    func stepEnded(_ report: StepReport) throws
    /// The state is that of the epoch's end: all its numbers are finite.
    func epochEnded(_ report: EpochReport, state: TrainerState) throws
    /// Interrupted behind a step; not called when an error stops training.
    func trainingInterrupted(state: TrainerState) throws
}

extension TrainingObserver {
    public func trainingStarted(_ report: RunReport) throws {}
    public func stepEnded(_ report: StepReport) throws {}
    public func epochEnded(_ report: EpochReport, state: TrainerState) throws {}
    public func trainingInterrupted(state: TrainerState) throws {}
}
