import MExitData
import MExitIR
import MExitRuntime
import MExitTraining

/// What a training step takes: loading and augmenting the batch, forward, one sweep back, combining gradients, SGD.
public struct TrainingResult: Encodable, Sendable {
    public let batch: Int
    public let threads: Int
    /// One gradient of the summed loss (`--deconflict none`).
    public let joint: Step
    /// One gradient per exit, projected (`--deconflict project`).
    public let deconflicted: Step
    /// Median time of a deconflicted step over that of a joint one.
    public let ratio: Double
    /// The other ways to combine gradients, where they were asked for, in turns with these two.
    public let rivals: [Rival]?

    public struct Rival: Encodable, Sendable {
        /// Options of mexit-train.
        public let options: String
        public let step: Step
        /// Median time over that of a joint step.
        public let ratio: Double
    }

    public struct Step: Encodable, Sendable {
        public let time: Samples
        /// At the median.
        public let imagesPerSecond: Double
        /// Mean loss over the exits before the first step and before the last, on random labels: only to show that it trained.
        public let firstLoss: Double
        public let lastLoss: Double
    }

    private struct Method {
        var options: String
        var deconfliction: DeconflictionOptions
        var distillation: Distillation?
    }

    private static let rivalMethods = [
        Method(options: "--deconflict none --reduction mean", deconfliction: DeconflictionOptions(method: .none, reduction: .mean)),
        Method(options: "--deconflict pcgrad --scope network", deconfliction: DeconflictionOptions(method: .pcgrad, scope: .network)),
        Method(options: "--deconflict cagrad --scope network", deconfliction: DeconflictionOptions(method: .cagrad, scope: .network)),
        Method(options: "--deconflict project --reduction mean", deconfliction: DeconflictionOptions(method: .project, reduction: .mean)),
        Method(
            options: "--deconflict project --distill 0.5", deconfliction: DeconflictionOptions(method: .project),
            distillation: Distillation(share: 0.5)),
    ]

    /// Trains fresh networks on noise, a joint and a deconflicted step in turns.
    ///
    /// - Parameter rivals: the other methods as well, in the same turns.
    /// - Throws: `TrainingError` when a loss is not finite, `DataError` when the input is no image of 1 or 3 channels.
    public init(graph: Graph, batch: Int, threads: Int, rivals: Bool = false, settings: BenchmarkSettings) throws {
        let data = try TrainingResult.noise(graph, images: 4 * batch).holdingOut(0, seed: 0)
        let methods = [
            Method(options: "--deconflict none", deconfliction: DeconflictionOptions(method: .none)),
            Method(options: "--deconflict project", deconfliction: DeconflictionOptions(method: .project)),
        ] + (rivals ? TrainingResult.rivalMethods : [])
        let trainers = try methods.map { method in
            let options = TrainingOptions(
                // Epochs enough that none ends the run, and a rate that nothing diverges at.
                epochs: 1_000_000, batchSize: batch, learningRate: 1e-3, schedule: .constant, warmup: 0,
                deconfliction: method.deconfliction, distillation: method.distillation)
            return SteppedTrainer(try Trainer(graph: graph, data: data, options: options, threads: threads))
        }
        try settings.series { isSample in
            for trainer in trainers { try trainer.step(isSample: isSample) }
        }
        self.batch = batch
        self.threads = threads
        let results = trainers.map { $0.result(batch: batch) }
        let ratios = results.map { results[0].time.median > 0 ? $0.time.median / results[0].time.median : 0 }
        joint = results[0]
        deconflicted = results[1]
        ratio = ratios[1]
        self.rivals = rivals ? (2..<methods.count).map { Rival(options: methods[$0].options, step: results[$0], ratio: ratios[$0]) } : nil
    }

    private static func noise(_ graph: Graph, images: Int) throws -> DataSet {
        let shape = graph.inputShape
        var random = RandomNumbers(seed: 3)
        return try DataSet(
            name: "noise", classNames: (0..<graph.classCount).map(String.init), channels: shape.channels,
            size: ImageSize(height: shape.height, width: shape.width),
            labels: (0..<images).map { Int32($0 % graph.classCount) },
            pixels: (0..<images * shape.count).map { _ in UInt8.random(in: .min ... .max, using: &random) })
    }
}

/// A trainer that does one step at a time.
private final class SteppedTrainer: TrainingObserver {
    private let trainer: Trainer
    private var time = Samples()
    private var losses: [Double] = []
    private var start = 0.0
    private var end = 0.0

    init(_ trainer: Trainer) { self.trainer = trainer }

    func step(isSample: Bool) throws {
        _ = try trainer.run(observers: [self], isInterrupted: { true })
        if isSample { time.append(end - start) }
    }

    func trainingStarted(_ run: RunReport) { start = MonotonicTime.seconds }

    func stepEnded(_ report: StepReport) {
        end = MonotonicTime.seconds
        losses.append(report.loss.reduce(0, +) / Double(max(report.loss.count, 1)))
    }

    func result(batch: Int) -> TrainingResult.Step {
        TrainingResult.Step(
            time: time, imagesPerSecond: time.median > 0 ? Double(batch) / time.median : 0, firstLoss: losses.first ?? 0,
            lastLoss: losses.last ?? 0)
    }
}
