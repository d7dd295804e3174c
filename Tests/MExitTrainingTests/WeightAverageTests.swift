import MExitCheckpoint
import MExitData
import MExitIR
import Testing

@testable import MExitTraining

/// The plain mean of the weights; the exponential average is compared with PyTorch in ``LossFixtureTests``.
struct WeightAverageTests {
    private func makeTrainer(_ averaging: Averaging, mixing: Mixing = Mixing()) throws -> Trainer {
        let data = try texturePictures(count: 200).holdingOut(40, seed: 3)
        let options = TrainingOptions(epochs: 4, batchSize: 20, learningRate: 0.05, averaging: averaging, mixing: mixing, seed: 5)
        return try Trainer(graph: try microNetwork(), data: data, options: options, threads: 2)
    }

    /// Sees the weights behind every step and what the files of every epoch would hold.
    private final class Observer: TrainingObserver {
        let trainer: Trainer
        var weights: [[Float]] = []
        var saved: [[Float]] = []
        init(_ trainer: Trainer) { self.trainer = trainer }

        func stepEnded(_ report: StepReport) { weights.append(Array(trainer.state.parameters.values)) }
        func epochEnded(_ report: EpochReport, state: TrainerState) {
            saved.append(state.average.map { $0.withAverage { Array(state.parameters.values) } } ?? [])
        }
    }

    /// Epochs of 8 steps.
    @Test(arguments: [(0.0, 0), (0.5, 16), (0.95, 24), (1, 8), (3, 24)]) func isTheMeanFromItsBeginningOn(from: Double, first: Int) throws {
        let trainer = try makeTrainer(.mean(from: from))
        let observer = Observer(trainer)
        _ = try trainer.run(observers: [observer])
        #expect(observer.weights.count == 32 && observer.saved.count == 4)
        for (epoch, saved) in observer.saved.enumerated() {
            let end = 8 * (epoch + 1)
            let averaged = end <= first ? [observer.weights[end - 1]] : Array(observer.weights[first..<end])
            var worst = 0.0
            for i in saved.indices {
                let mean = averaged.reduce(0.0) { $0 + Double($1[i]) } / Double(averaged.count)
                worst = max(worst, abs(Double(saved[i]) - mean))
            }
            #expect(worst < 1e-6, "epoch \(epoch)")
            if averaged.count == 1 { #expect(saved == averaged[0], "a copy, bit for bit") }
        }
        let plain = try makeTrainer(.none)
        let other = Observer(plain)
        _ = try plain.run(observers: [other])
        #expect(other.weights.last == observer.weights.last, "the mean changes no step")
    }

    /// Running statistics of a network that keeps a tenth of each batch tell what each batch had: s' = 0.9 s + 0.1 b.
    @Test(arguments: [Mixing(), Mixing(mixup: 0.5)]) func theMeansStatisticsAreThoseOfItsOwnPasses(mixing: Mixing) throws {
        let trainer = try makeTrainer(.mean(from: 2), mixing: mixing)
        let observer = Observer(trainer)
        _ = try trainer.run(observers: [observer])
        let (parameters, average) = (trainer.state.parameters, try #require(trainer.state.average))
        let own = average.withAverage { Array(parameters.statisticsValues) }
        #expect(own != Array(parameters.statisticsValues))

        let again = try makeTrainer(.none, mixing: mixing)
        _ = again.state.parameters.values.update(fromContentsOf: average.withAverage { Array(parameters.values) })
        var sums = [Double](repeating: 0, count: own.count)
        for batch in again.sampler.batches(epoch: 3, from: 0) {
            let before = Array(again.state.parameters.statisticsValues)
            again.fill(batch, from: again.loader, epoch: 3)
            again.network.forward(count: 20, training: true)
            for (i, after) in again.state.parameters.statisticsValues.enumerated() {
                sums[i] += (Double(after) - 0.9 * Double(before[i])) / 0.1
            }
        }
        #expect(zip(own, sums).allSatisfy { abs(Double($0) - $1 / 8) < 1e-4 * (1 + abs($1) / 8) })
        // Fewer batches than an epoch has.
        trainer.estimateStatistics(epoch: 3, batches: 1)
        func isOwn() -> Bool { average.withAverage { zip(own, parameters.statisticsValues).allSatisfy { abs($0 - $1) < 1e-5 * (1 + abs($0)) } } }
        #expect(!isOwn())
        trainer.estimateStatistics(epoch: 3)
        #expect(isOwn())
        // And what is validated and saved has them.
        let model = try trainer.model(classNames: ["rows", "columns", "chess"], provenance: Provenance())
        #expect(model.tensors == average.withAverage { parameters.tensors() })
    }
}
