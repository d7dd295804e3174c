import CMExitKernels
import MExitData
import MExitIR
import MExitParallel

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Trains a multi-exit network: every exit has its own cross-entropy, their gradients are combined, SGD steps.
///
/// The same graph, data and options give the same weights to the last bit, whatever the number of threads. One caller at a time.
public final class Trainer {
    public enum Outcome: Hashable, Sendable { case finished, interrupted }

    public let options: TrainingOptions
    public let state: TrainerState
    /// What the training images are normalised with.
    public let normalization: Normalization
    /// Steps of one epoch.
    public var stepsPerEpoch: Int { sampler.batchesPerEpoch }

    let graph: Graph
    let pool: WorkerPool
    let network: TrainingNetwork
    let validation: SampleLoader?
    /// Which images are held out, and what they show; empty without any.
    let heldOutFingerprint: String
    let loader: SampleLoader
    let sampler: BatchSampler
    private let schedule: LearningRateSchedule
    private let losses: ExitLosses
    /// Cumulative per exit.
    private let macs: [Int]
    let gradients: ExitGradients
    let deconfliction: GradientDeconfliction
    /// Labels of the batch at hand, and how its images are mixed.
    private var labels: [Int32] = []
    private var mixing = Mixing.Draw.none
    /// What ``begin(with:)`` began with, nil for random numbers; part of what two runs must have in common.
    var firstWeights: String?

    /// - Parameters:
    ///   - graph: with the images' shape as input and as many classes as the data.
    ///   - threads: at least 1.
    /// - Throws: ``TrainingError``, ``NetworkError`` or `DataError` when numbers are impossible, parts do not fit together, or
    ///   there is no memory.
    public init(graph: Graph, data: TrainingData, options: TrainingOptions, threads: Int) throws {
        if let unknown = mexit_cpu_disable_error() {
            throw TrainingError(
                .badOption, "MEXIT_CPU_DISABLE names '\(String(cString: unknown))', which is no feature; it may list neon, avx2 and avx512")
        }
        try options.check()
        try Trainer.check(graph, data.train)
        self.graph = graph
        self.options = options
        let normalization = try options.normalization ?? Normalization(measuring: data.train)
        self.normalization = normalization
        loader = try SampleLoader(data: data.train, normalization: normalization, augmentation: options.augmentation, seed: options.seed)
        validation = try data.validation.map { try SampleLoader(data: $0, normalization: normalization) }
        heldOutFingerprint = data.validation.map { hexadecimal($0.fingerprint(threads: max(1, threads))) } ?? ""
        sampler = try BatchSampler(
            count: data.train.count, batchSize: min(options.batchSize, data.train.count), dropsLast: true, seed: options.seed)
        schedule = try LearningRateSchedule(
            base: options.learningRate, shape: options.schedule, warmup: options.warmup, epochs: options.epochs,
            stepsPerEpoch: sampler.batchesPerEpoch)
        losses = try ExitLosses(
            exits: graph.exits.count, classes: graph.classCount, labelSmoothing: options.labelSmoothing, distillation: options.distillation)
        try options.exitWeights.check(exits: graph.exits.count)
        macs = Graph.cumulative(try graph.stageCosts()).map(\.macs)
        pool = WorkerPool(threads: max(1, threads))
        state = try TrainerState(
            graph: graph, optimizer: options.optimizer, seed: options.seed, averaging: options.averaging,
            stepsBefore: options.averaging.stepsBefore(epochs: options.epochs, stepsPerEpoch: sampler.batchesPerEpoch))
        let groups = options.lossGroups(exits: graph.exits.count)
        gradients = try ExitGradients(parameters: state.parameters, groups: groups)
        deconfliction = try GradientDeconfliction(
            parameters: state.parameters, gradients: gradients, options: options.deconfliction, seed: options.seed)
        network = try TrainingNetwork(parameters: state.parameters, batch: sampler.batchSize, pool: pool, groups: groups)
        try checkSaving()
    }

    /// Of the training images; those held out are a view of the same pixels.
    var imageBytes: Int { loader.data.storedBytes }

    private static func check(_ graph: Graph, _ data: DataSet) throws {
        let image = Shape.map(channels: data.channels, height: data.size.height, width: data.size.width)
        guard graph.inputShape == image else {
            throw TrainingError(.mismatch, "cannot train on \(data.name): its images are \(image), the network's input is \(graph.inputShape)")
        }
        guard data.classNames.count >= 2 else {
            throw TrainingError(
                .mismatch,
                "cannot train on \(data.name): its only class is '\(data.classNames.joined())'; there is nothing to tell apart below 2 classes")
        }
        guard graph.classCount == data.classNames.count else {
            throw TrainingError(
                .mismatch, "cannot train on \(data.name): it has \(data.classNames.count) classes, the network tells \(graph.classCount) apart")
        }
    }

    /// Trains from where the state is to the last epoch.
    ///
    /// - Parameter isInterrupted: asked behind every step; true ends training there.
    /// - Throws: ``TrainingError`` with code `diverged` when a loss, the gradient or, at an epoch's end, a parameter is not finite;
    ///   the failed step has then not changed the parameters. What an observer throws.
    public func run(observers: [any TrainingObserver] = [], isInterrupted: () -> Bool = { false }) throws -> Outcome {
        let run = RunReport(
            epochs: options.epochs, stepsPerEpoch: stepsPerEpoch, batchSize: sampler.batchSize, trainingImages: loader.data.count,
            validationImages: validation?.data.count ?? 0, firstStep: state.step)
        for observer in observers { try observer.trainingStarted(run) }
        while state.step < options.epochs * stepsPerEpoch {
            let epoch = state.step / stepsPerEpoch
            let clock = ContinuousClock()
            let start = clock.now
            let batches = sampler.batches(epoch: epoch, from: state.step % stepsPerEpoch)
            for batch in batches {
                let report = try step(batch, epoch: epoch)
                for observer in observers { try observer.stepEnded(report) }
                // The last step of an epoch is followed by its validation; only then the state is whole.
                if isInterrupted(), state.step % stepsPerEpoch != 0 {
                    for observer in observers { try observer.trainingInterrupted(state: state) }
                    return .interrupted
                }
            }
            let images = Double(batches.count * sampler.batchSize)
            try endEpoch(epoch, imagesPerSecond: images / max(1e-9, clock.now.seconds(since: start)), observers)
            if isInterrupted(), state.step < options.epochs * stepsPerEpoch {
                for observer in observers { try observer.trainingInterrupted(state: state) }
                return .interrupted
            }
        }
        return .finished
    }

    /// A mean loss over an epoch of so many times that of guessing, ln K, is no beginning of anything.
    private static let lossLimit = 20.0

    private func endEpoch(_ epoch: Int, imagesPerSecond: Double, _ observers: [any TrainingObserver]) throws {
        let rate = schedule.rate(step: state.step - 1)
        estimateStatistics(epoch: epoch)
        let validated = validate()
        let parameters = state.parameters
        func areFinite() -> Bool {
            mexit_all_finite_f32(parameters.values.baseAddress, parameters.values.count)
                && mexit_all_finite_f32(parameters.statisticsValues.baseAddress, parameters.statisticsValues.count)
        }
        guard areFinite(), state.average?.withAverage(areFinite) ?? true, validated.allSatisfy(\.lossSum.isFinite) else {
            throw diverged("a parameter or a validation loss is not finite at the epoch's end", step: state.step, epoch, rate)
        }
        // Behind batch norms numbers can be far off and stay finite.
        let limit = Trainer.lossLimit * log(Double(graph.classCount))
        if let exit = state.tally.firstIndex(where: { $0.loss > limit }) {
            throw diverged(
                "the mean loss of exit \(exit) over the epoch is \(state.tally[exit].loss), guessing has \(log(Double(graph.classCount)))",
                step: state.step, epoch, rate)
        }
        let report = EpochReport(
            epoch: epoch + 1, step: state.step, learningRate: rate, training: state.tally, validation: validated,
            imagesPerSecond: imagesPerSecond, conflicts: deconfliction.statistics)
        state.tally = graph.exits.map { _ in ExitTally() }
        deconfliction.resetStatistics()
        for observer in observers { try observer.epochEnded(report, state: state) }
    }

    /// So many batches, or all of an epoch, give the batch norms their statistics for a mean of weights at the epoch's end.
    static let statisticsBatches = 100

    /// The mean over batches of what the batch norms see with the averaged weights, on augmented images. They are not mixed: a batch is
    /// mixed in one share, so that a hundred of them would leave the statistics to chance, and images are not mixed later either.
    func estimateStatistics(epoch: Int, batches: Int = Trainer.statisticsBatches) {
        guard let average = state.average, average.needsStatistics(step: state.step) else { return }
        average.withAverage {
            for (index, batch) in sampler.batches(epoch: epoch, from: 0).prefix(batches).enumerated() {
                fill(batch, from: loader, epoch: epoch)
                network.forward(count: batch.count, training: true, statisticsShare: 1 / Double(index + 1))
            }
        }
    }

    /// One step of SGD. When it throws, parameters are as they were (running statistics of batch norms have seen the batch).
    private func step(_ batch: [Int], epoch: Int) throws -> StepReport {
        let rate = schedule.rate(step: state.step)
        fillTraining(batch, number: state.step % stepsPerEpoch, epoch: epoch)
        network.forward(count: batch.count, training: true)
        let weights = options.exitWeights.weights(macs: macs, epoch: epoch, epochs: options.epochs)
        let results = evaluate(losses, weights: weights)
        if let exit = results.firstIndex(where: { !$0.loss.isFinite }) {
            throw diverged("the loss of exit \(exit) is \(name(results[exit].loss))", step: state.step + 1, epoch, rate)
        }
        network.backward(into: gradients)
        let norm = deconfliction.measure(gradients, pool: pool, step: state.step)
        guard norm.isFinite else { throw diverged("the gradient's norm is \(name(norm))", step: state.step + 1, epoch, rate) }
        pool.run(gradients.tensors.count) { _, t in
            guard let gradient = deconfliction.combined(t, in: gradients) else { return }
            state.optimizer.step(t, gradient: gradient, rate: rate)
            state.average?.add(t, step: state.step + 1)
        }
        state.average?.addStatistics(step: state.step + 1)
        for exit in results.indices { state.tally[exit].add(results[exit], images: batch.count) }
        state.step += 1
        return StepReport(
            epoch: epoch + 1, step: state.step, learningRate: rate, loss: results.map(\.loss), gradientNorm: norm, images: batch.count)
    }

    /// The sign of a NaN means nothing.
    private func name(_ value: Double) -> String { value.isNaN ? "NaN" : "\(value)" }

    private func diverged(_ what: String, step: Int, _ epoch: Int, _ rate: Double) -> TrainingError {
        TrainingError(
            .diverged,
            "training diverged at step \(step) (epoch \(epoch + 1)), learning rate \(rate): \(what); lower the learning rate or lengthen the warm-up")
    }
}

extension Trainer {
    /// Puts images into the network's inputs and their labels beside.
    func fill(_ batch: [Int], from loader: SampleLoader, epoch: Int) {
        let map = network.inputMap
        pool.run(batch.count) { _, place in
            loader.fill(
                sample: batch[place], epoch: epoch, into: network.inputPointer(sample: place), rowStride: Int(map.row_stride),
                channelStride: Int(map.channel_stride))
        }
        labels = batch.map { loader.data.labels[$0] }
        mixing = .none
    }

    /// The inputs and labels of a step: augmented, and mixed as the options say.
    ///
    /// - Parameter number: of the batch within the epoch.
    func fillTraining(_ batch: [Int], number: Int, epoch: Int) {
        fill(batch, from: loader, epoch: epoch)
        let size = loader.data.size
        mixing = options.mixing.draw(size: size, seed: options.seed, epoch: epoch, batch: number)
        guard mixing != .none else { return }
        let (map, draw) = (network.inputMap, mixing)
        pool.run(batch.count / 2) { _, place in
            draw.apply(
                network.inputPointer(sample: place), network.inputPointer(sample: batch.count - 1 - place), channels: loader.data.channels,
                size: size, rowStride: Int(map.row_stride), channelStride: Int(map.channel_stride))
        }
    }

    /// The loss of every exit on the batch at hand.
    ///
    /// - Parameter weights: of the derivatives, which are left with the network; nil: none are needed.
    func evaluate(_ losses: ExitLosses, weights: [Double]?) -> [SoftmaxCrossEntropy.Result] {
        var results = [SoftmaxCrossEntropy.Result](repeating: .init(loss: 0, correct: 0), count: graph.exits.count)
        let share = mixing.share
        let others = Array(labels.reversed())
        results.withUnsafeMutableBufferPointer { results in
            labels.withUnsafeBufferPointer { labels in
                others.withUnsafeBufferPointer { others in
                    pool.run(results.count) { _, exit in
                        results[exit] = losses(
                            exit: exit, logits: network.logits(exit:), labels: labels, others: share == 1 ? nil : others, share: share,
                            weight: weights?[exit] ?? 1, gradient: weights == nil ? nil : network.logitGradients(exit: exit))
                    }
                }
            }
        }
        return results
    }

    /// Cross-entropy (without label smoothing or distillation) and accuracy of every exit on the held-out images, batch norms
    /// with their running statistics, averaged weights where an average is kept; empty when none are held out.
    public func validate() -> [ExitTally] {
        guard let validation, let plain = try? ExitLosses(exits: graph.exits.count, classes: graph.classCount) else { return [] }
        return state.average.map { $0.withAverage { validate(validation, plain) } } ?? validate(validation, plain)
    }

    private func validate(_ validation: SampleLoader, _ plain: ExitLosses) -> [ExitTally] {
        var tally = graph.exits.map { _ in ExitTally() }
        for start in stride(from: 0, to: validation.data.count, by: network.batch) {
            let batch = Array(start..<min(start + network.batch, validation.data.count))
            fill(batch, from: validation, epoch: 0)
            network.forward(count: batch.count, training: false)
            for (exit, result) in evaluate(plain, weights: nil).enumerated() {
                tally[exit].add(result, images: batch.count)
            }
        }
        return tally
    }
}

extension ContinuousClock.Instant {
    func seconds(since start: ContinuousClock.Instant) -> Double { (self - start) / .seconds(1) }
}
