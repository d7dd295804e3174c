import CMExitKernels
import MExitIR

/// Which weights are validated and saved. Training itself goes on with the weights as they are.
public enum Averaging: Hashable, Sendable {
    /// The weights as they are.
    case none
    /// After the t-th step, average = d * average + (1 - d) * weights with d = min(decay, (1 + t) / (10 + t)); the same of the batch
    /// norms' running statistics. The rising d lets the first, random weights fade at once.
    ///
    /// - Source: Polyak & Juditsky 1992; the rising decay is that of TensorFlow's `ExponentialMovingAverage` with `num_updates`.
    case exponential(decay: Double)
    /// The plain mean of the weights after every step behind the beginning: below 1 a share of all epochs, rounded, else an epoch's
    /// number from 0. Batch norms get statistics of their own for the mean at the end of each epoch, since those of the weights along
    /// the way are not the mean's; within an epoch, the mean goes with the latter.
    ///
    /// - Source: Izmailov et al., Averaging Weights Leads to Wider Optima and Better Generalization, UAI 2018, with a copy per step.
    case mean(from: Double)

    /// - Throws: ``TrainingError`` naming the number and its range.
    func check(epochs: Int) throws {
        switch self {
        case .none: break
        case .exponential(let decay):
            guard decay > 0, decay < 1 else {
                throw TrainingError(.badOption, "the decay of the weight average is \(decay); it must be above 0 and below 1")
            }
        case .mean(let from):
            guard from >= 0, from < 1 || from == from.rounded(), firstEpoch(from, epochs) < Double(epochs) else {
                throw TrainingError(
                    .badOption,
                    "the mean of the weights begins at \(from); it must be a share of all epochs, 0 to below 1, or a whole epoch, and leave one of \(epochs); give at most \(epochs == 1 ? 0 : epochs - 1)")
            }
        }
    }

    /// Steps that go before the first one of the mean.
    func stepsBefore(epochs: Int, stepsPerEpoch: Int) -> Int {
        guard case .mean(let from) = self else { return 0 }
        return Int(firstEpoch(from, epochs)) * stepsPerEpoch
    }

    private func firstEpoch(_ from: Double, _ epochs: Int) -> Double {
        from < 1 ? min((from * Double(epochs)).rounded(), Double(epochs - 1)) : from
    }
}

/// An average of the weights, and numbers for the batch norms' running statistics that go with it. Single precision, rounded twice a step.
public final class WeightAverage {
    private let averaging: Averaging
    /// The mean begins behind so many steps.
    private let stepsBefore: Int
    private let parameters: ParameterStore
    private let values: AlignedBuffer
    private let statistics: AlignedBuffer

    /// Starts as a copy.
    ///
    /// - Parameter stepsBefore: the mean of ``Averaging/mean(from:)`` begins behind so many steps; the average is a copy until then.
    /// - Throws: ``NetworkError`` when there is no memory.
    init(parameters: ParameterStore, averaging: Averaging, stepsBefore: Int = 0) throws {
        self.averaging = averaging
        self.stepsBefore = stepsBefore
        self.parameters = parameters
        values = try AlignedBuffer(count: parameters.values.count)
        statistics = try AlignedBuffer(count: parameters.statisticsValues.count)
        _ = values.floats.update(fromContentsOf: parameters.values)
        _ = statistics.floats.update(fromContentsOf: parameters.statisticsValues)
    }

    /// What of the average stays when the weights behind the step of this number, counted from 1, are taken in.
    private func kept(step: Int) -> Double {
        switch averaging {
        case .none: 0
        case .exponential(let decay): min(decay, Double(1 + step) / Double(10 + step))
        case .mean: step <= stepsBefore ? 0 : 1 - 1 / Double(step - stepsBefore)
        }
    }

    /// Whether this is a mean, no longer a copy: then batch norms need statistics of their own for it.
    func needsStatistics(step: Int) -> Bool {
        if case .mean = averaging { step > stepsBefore } else { false }
    }

    /// Takes in tensor `t` behind step number `step`. May run for different tensors on different threads.
    func add(_ t: Int, step: Int) {
        let own = UnsafeMutableBufferPointer(rebasing: values.floats[parameters.trainable[t].range])
        mix(own, with: parameters.tensor(t), keeping: kept(step: step))
    }

    /// Takes in the running statistics; for a mean, it copies them.
    func addStatistics(step: Int) {
        mix(statistics.floats, with: parameters.statisticsValues, keeping: needsStatistics(step: step) ? 0 : kept(step: step))
    }

    private func mix(_ average: UnsafeMutableBufferPointer<Float>, with values: UnsafeMutableBufferPointer<Float>, keeping kept: Double) {
        guard kept > 0 else {
            _ = average.update(fromContentsOf: values)
            return
        }
        mexit_scale_f32(Float(kept), average.baseAddress, average.count)
        mexit_axpy_f32(Float(1 - kept), values.baseAddress, average.baseAddress, average.count)
    }

    /// Runs `body` while the parameters hold the average; afterwards they are what they were, bit for bit. What `body` changes, it
    /// changes of the average.
    public func withAverage<Result>(_ body: () throws -> Result) rethrows -> Result {
        exchange()
        defer { exchange() }
        return try body()
    }

    private func exchange() {
        for (own, other) in [(values.floats, parameters.values), (statistics.floats, parameters.statisticsValues)] {
            for i in own.indices { (own[i], other[i]) = (other[i], own[i]) }
        }
    }
}
