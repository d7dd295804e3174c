// The lines of a metrics file. Names become snake_case; fields may be added, never renamed.

struct RunLine: Encodable {
    var type = "run"
    var producer, command, architecture, data, dataFingerprint: String
    var classes, parameters: Int
    var macs: [Int]
    var seed: UInt64
    var threads, epochs, stepsPerEpoch, batchSize, trainingImages, validationImages, firstStep: Int

    init(_ run: RunReport, _ facts: MetricsFile.Facts) {
        producer = facts.producer
        command = facts.command
        architecture = facts.architecture
        data = facts.data
        dataFingerprint = facts.dataFingerprint
        classes = facts.classes
        parameters = facts.parameters
        macs = facts.macs
        seed = facts.seed
        threads = facts.threads
        epochs = run.epochs
        stepsPerEpoch = run.stepsPerEpoch
        batchSize = run.batchSize
        trainingImages = run.trainingImages
        validationImages = run.validationImages
        firstStep = run.firstStep
    }
}

struct StepLine: Encodable {
    var type = "step"
    var epoch, step: Int
    var lr: Double
    var loss: [Double]
    var gradientNorm: Double

    init(_ report: StepReport) {
        epoch = report.epoch
        step = report.step
        lr = report.learningRate
        loss = report.loss
        gradientNorm = report.gradientNorm
    }
}

struct EpochLine: Codable {
    var type = "epoch"
    var epoch, step: Int
    var lr: Double
    var loss, trainAccuracy, validationLoss, validationAccuracy: [Double]
    var imagesPerSecond: Double
    var conflicts: [BlockLine]

    init(_ report: EpochReport) {
        epoch = report.epoch
        step = report.step
        lr = report.learningRate
        loss = report.training.map(\.loss)
        trainAccuracy = report.training.map(\.accuracy)
        validationLoss = report.validation.map(\.loss)
        validationAccuracy = report.validation.map(\.accuracy)
        imagesPerSecond = report.imagesPerSecond
        conflicts = report.conflicts.blocks.map(BlockLine.init)
    }
}

struct BlockLine: Codable {
    var block: String
    var pairs: [PairLine]

    init(_ block: ConflictStatistics.Block) {
        self.block = block.name
        pairs = block.pairs.map(PairLine.init)
    }
}

struct PairLine: Codable {
    var exits: [Int]
    /// Tensors seen, summed over the epoch's steps, and those in conflict.
    var seen, conflicts: Int
    var meanCosine: Double

    init(_ pair: ConflictStatistics.Pair) {
        exits = [pair.first, pair.second]
        seen = pair.seen
        conflicts = pair.conflicts
        meanCosine = pair.meanCosine
    }
}

struct EndLine: Encodable {
    var type = "end"
    var status: String
    var message: String?
    var seconds: Double
}
