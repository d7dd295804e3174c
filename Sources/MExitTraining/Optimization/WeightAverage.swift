import CMExitKernels
import MExitIR

/// An exponential moving average of the weights, and of the batch norms' running statistics with them:
/// average = d * average + (1 - d) * weights after every step, with d = min(decay, (1 + t) / (10 + t)) for the t-th step.
///
/// The rising d lets the first, random weights fade at once. Averages of single-precision numbers, rounded twice a step.
///
/// - Source: Polyak & Juditsky 1992; the rising decay is that of TensorFlow's `ExponentialMovingAverage` with `num_updates`.
public final class WeightAverage {
    /// In 0 ..< 1.
    public let decay: Double
    private let parameters: ParameterStore
    private let values: AlignedBuffer
    private let statistics: AlignedBuffer

    /// Starts as a copy.
    ///
    /// - Throws: ``TrainingError`` for an impossible decay, ``NetworkError`` when there is no memory.
    public init(parameters: ParameterStore, decay: Double) throws {
        try WeightAverage.check(decay: decay)
        self.decay = decay
        self.parameters = parameters
        values = try AlignedBuffer(count: parameters.values.count)
        statistics = try AlignedBuffer(count: parameters.statisticsValues.count)
        _ = values.floats.update(fromContentsOf: parameters.values)
        _ = statistics.floats.update(fromContentsOf: parameters.statisticsValues)
    }

    static func check(decay: Double) throws {
        guard decay >= 0, decay < 1 else {
            throw TrainingError(.badOption, "the decay of the weight average is \(decay); it must be at least 0 and below 1")
        }
    }

    /// d of the step of this number, counted from 1.
    func decay(step: Int) -> Double { min(decay, Double(1 + step) / Double(10 + step)) }

    /// Takes in tensor `t` behind step number `step`. May run for different tensors on different threads.
    func add(_ t: Int, step: Int) {
        let own = UnsafeMutableBufferPointer(rebasing: values.floats[parameters.trainable[t].range])
        WeightAverage.mix(own, with: parameters.tensor(t), decay(step: step))
    }

    /// Takes in the running statistics.
    func addStatistics(step: Int) {
        WeightAverage.mix(statistics.floats, with: parameters.statisticsValues, decay(step: step))
    }

    private static func mix(
        _ average: UnsafeMutableBufferPointer<Float>, with values: UnsafeMutableBufferPointer<Float>, _ decay: Double
    ) {
        mexit_scale_f32(Float(decay), average.baseAddress, average.count)
        mexit_axpy_f32(Float(1 - decay), values.baseAddress, average.baseAddress, average.count)
    }

    /// Runs `body` while the parameters hold the average; afterwards they are what they were, bit for bit.
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
