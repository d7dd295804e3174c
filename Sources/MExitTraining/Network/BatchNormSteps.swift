import CMExitKernels
import MExitIR

/// Batch normalisation (Ioffe & Szegedy 2015), with the ReLU behind it where one is fused.
///
/// Training mode uses the statistics of the whole batch, biased variance to normalise and unbiased for the running variance,
/// momentum 0.1, as PyTorch does. Every loss's gradient flows through the batch statistics on its own.
struct BatchNormSteps {
    /// Weight of the newest batch in the running statistics, while training.
    static let momentum = 0.1

    private let assembly: Assembly
    private let index: Int
    private let input: Int
    private let epsilon: Double
    private let channels: Int
    private let isFused: Bool
    private let parameters: Parameters
    private let factors: Factors
    /// What the gradient of x needs, per loss: a, b and d of `mexit_batch_norm_backward_apply_f32`.
    private let coefficients: UnsafeMutablePointer<Float>

    private struct Parameters {
        let weight, bias: Int
        let gamma, beta, runningMean, runningVariance: UnsafeMutablePointer<Float>
    }

    /// What a pass computes per channel.
    private struct Factors {
        let mean, inverseStd, scale, shift: UnsafeMutablePointer<Float>
    }

    /// - Parameters:
    ///   - index: the node that has the value: the norm, or the ReLU that it is fused into.
    ///   - norm: the norm's node.
    init(_ assembly: Assembly, node index: Int, norm: Int, epsilon: Float) throws {
        self.assembly = assembly
        self.index = index
        self.epsilon = Double(epsilon)
        input = assembly.graph.nodes[norm].inputs[0]
        isFused = index != norm
        let channels = assembly.graph.shapes[norm].channels
        self.channels = channels
        let store = assembly.parameters
        func running(_ role: ParameterRole) -> UnsafeMutablePointer<Float>? {
            guard let range = store.statistics.first(where: { $0.spec.node == norm && $0.spec.role == role }) else { return nil }
            return store.statisticsValues.baseAddress.map { $0 + range.offset }
        }
        guard let weight = assembly.tensor(norm, .weight), let bias = assembly.tensor(norm, .bias),
            let gamma = store.tensor(weight).baseAddress, let beta = store.tensor(bias).baseAddress,
            let mean = running(.runningMean), let variance = running(.runningVariance)
        else { throw NetworkError("batch norm node \(norm) lacks parameters") }
        parameters = Parameters(
            weight: weight, bias: bias, gamma: gamma, beta: beta, runningMean: mean, runningVariance: variance)
        func floats() throws -> UnsafeMutablePointer<Float> { try assembly.keep.allocate(Float.self, count: channels) }
        factors = Factors(mean: try floats(), inverseStd: try floats(), scale: try floats(), shift: try floats())
        coefficients = try assembly.keep.allocate(Float.self, count: 3 * channels * assembly.plan.losses(index).count)
    }

    func addForward() {
        addRunningFactors()
        let (x, y) = (assembly.values.rows(input), assembly.values.rows(index))
        let (xm, ym) = (assembly.map(input), assembly.map(index))
        let activation = isFused ? MEXIT_ACTIVATION_RELU : MEXIT_ACTIVATION_NONE
        let factors = self.factors
        assembly.bothForward(
            Step { chunk in
                mexit_batch_norm_normalize_f32(
                    xm, ym, x.reading(from: chunk.first), y.mutable(from: chunk.first), chunk.count, factors.scale, factors.shift,
                    activation)
            })
    }

    /// Training: one pass over x. The running mean, close to the batch's, is taken off before squaring, so that the
    /// variance, mean((x - r)^2) - (mean - r)^2 in double, loses nothing to cancellation.
    func addStatistics() throws {
        let channels = self.channels
        let sums = try assembly.keep.allocate(Double.self, count: 2 * channels * Program.chunks)
        let reference = try assembly.keep.allocate(Float.self, count: channels)
        let (x, xm) = (assembly.values.rows(input), assembly.map(input))
        let pixels = assembly.graph.shapes[input].height * assembly.graph.shapes[input].width
        let (state, parameters, factors, epsilon) = (assembly.state, self.parameters, self.factors, self.epsilon)
        assembly.prepareForward.append {
            for c in 0..<channels { reference[c] = parameters.runningMean[c].isFinite ? parameters.runningMean[c] : 0 }
        }
        assembly.addForward(
            Step(
                finish: [{
                    let count = Double(state.count * pixels)
                    for c in 0..<channels {
                        var sum = 0.0
                        var squares = 0.0
                        for chunk in 0..<Program.chunks {
                            sum += sums[2 * channels * chunk + c]
                            squares += sums[2 * channels * chunk + channels + c]
                        }
                        let mean = sum / count
                        let off = mean - Double(reference[c])
                        // Rounding may leave a constant channel just below 0; NaN must stay NaN.
                        let raw = squares / count - off * off
                        let variance = raw < 0 ? 0 : raw
                        Self.set(factors, parameters, c, mean: mean, variance: variance, epsilon: epsilon)
                        let unbiased = count > 1 ? variance * count / (count - 1) : variance
                        Self.blend(&parameters.runningMean[c], mean, state.statisticsShare)
                        Self.blend(&parameters.runningVariance[c], unbiased, state.statisticsShare)
                    }
                }]
            ) { chunk in
                let own = sums + 2 * channels * chunk.index
                if chunk.isFirst { own.update(repeating: 0, count: 2 * channels) }
                mexit_batch_norm_statistics_f32(xm, x.reading(from: chunk.first), chunk.count, reference, own, own + channels)
            })
    }

    private static func blend(_ running: inout Float, _ value: Double, _ share: Double) {
        // A share of 1 gets over a running value that is not finite.
        running = Float(share == 1 ? value : (1 - share) * Double(running) + share * value)
    }

    /// Evaluation: the running statistics.
    private func addRunningFactors() {
        let (channels, parameters, factors, epsilon) = (self.channels, self.parameters, self.factors, self.epsilon)
        assembly.prepareEvaluation.append {
            for c in 0..<channels {
                Self.set(
                    factors, parameters, c, mean: Double(parameters.runningMean[c]),
                    variance: Double(parameters.runningVariance[c]), epsilon: epsilon)
            }
        }
    }

    private static func set(
        _ factors: Factors, _ parameters: Parameters, _ c: Int, mean: Double, variance: Double, epsilon: Double
    ) {
        let inverse = 1 / (variance + epsilon).squareRoot()
        let scale = Double(parameters.gamma[c]) * inverse
        factors.mean[c] = Float(mean)
        factors.inverseStd[c] = Float(inverse)
        factors.scale[c] = Float(scale)
        factors.shift[c] = Float(Double(parameters.beta[c]) - mean * scale)
    }

    /// Sums of dy and dy * xhat per loss: the parameters' gradients, and what dx needs.
    func addReduction() throws {
        let gradients = try assembly.gradients.gradients(of: index)
        let (channels, losses) = (self.channels, gradients.count)
        let perChunk = 2 * channels * losses
        let sums = try assembly.keep.allocate(Double.self, count: perChunk * Program.chunks)
        let tables = try assembly.keep.constants(gradients.map { Optional($0.reading(from: 0)) })
        let (x, xm, dym) = (assembly.values.rows(input), assembly.map(input), assembly.map(index))
        // Where the output is not positive, a fused ReLU stops the gradient.
        let mask = isFused ? factors : nil
        let pixels = assembly.graph.shapes[input].height * assembly.graph.shapes[input].width
        let (state, parameters, factors, coefficients) = (assembly.state, self.parameters, self.factors, self.coefficients)
        assembly.addBackward(
            Step(
                finish: [{
                    guard let out = state.gradients, let values = out.values.baseAddress else { return }
                    let dGamma = values + out.tensors[parameters.weight].offset
                    let dBeta = values + out.tensors[parameters.bias].offset
                    let count = Double(state.count * pixels)
                    for i in 0..<losses * channels {
                        let (loss, c) = (i / channels, i % channels)
                        var sum = 0.0
                        var product = 0.0
                        for chunk in 0..<Program.chunks {
                            let own = sums + chunk * perChunk + 2 * channels * loss
                            sum += own[c]
                            product += own[channels + c]
                        }
                        dBeta[i] = Float(sum)
                        dGamma[i] = Float(product)
                        let inverse = Double(factors.inverseStd[c])
                        let a = Double(parameters.gamma[c]) * inverse
                        let own = coefficients + 3 * channels * loss
                        own[c] = Float(a)
                        own[channels + c] = Float(-a * inverse * product / count)
                        own[2 * channels + c] = Float(-a * sum / count)
                    }
                }]
            ) { chunk in
                let all = sums + chunk.index * perChunk
                if chunk.isFirst { all.update(repeating: 0, count: perChunk) }
                mexit_batch_norm_backward_reduce_f32(
                    xm, dym, x.reading(from: 0), tables, Int32(losses), mask?.scale, mask?.shift,
                    chunk.first, chunk.count, factors.mean, factors.inverseStd, all)
            })
    }

    /// The gradient of x.
    func addApplication() throws {
        let gradients = try assembly.gradients.gradients(of: index)
        guard let targets = try assembly.targets(of: input, losses: assembly.plan.losses(index)) else { return }
        let (x, xm, dym) = (assembly.values.rows(input), assembly.map(input), assembly.map(index))
        // Where the output is not positive, a fused ReLU stops the gradient.
        let mask = isFused ? factors : nil
        let (losses, factors, coefficients) = (Int32(gradients.count), self.factors, self.coefficients)
        let dy = try assembly.keep.constants(gradients.map { Optional($0.reading(from: 0)) })
        let dx = try assembly.keep.constants(targets.map { Optional($0.rows.mutable(from: 0)) })
        let accumulate = try assembly.keep.constants(targets.map(\.accumulate))
        assembly.addBackward(
            Step { chunk in
                mexit_batch_norm_backward_apply_f32(
                    xm, dym, xm, x.reading(from: 0), dy, losses, mask?.scale, mask?.shift, dx,
                    chunk.first, chunk.count, factors.mean, coefficients, accumulate)
            })
    }
}
