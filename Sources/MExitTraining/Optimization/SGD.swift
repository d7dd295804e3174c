import CMExitKernels

/// Numbers of stochastic gradient descent, as PyTorch names them.
public struct SGDOptions: Hashable, Sendable {
    public var momentum: Double
    /// L2 coefficient, on all trainable tensors as in the papers: norms and biases too.
    public var weightDecay: Double
    public var nesterov: Bool

    public init(momentum: Double = 0.9, weightDecay: Double = 1e-4, nesterov: Bool = false) {
        self.momentum = momentum
        self.weightDecay = weightDecay
        self.nesterov = nesterov
    }

    /// - Throws: ``TrainingError`` naming the number and its range.
    public func check() throws {
        guard momentum >= 0, momentum < 1 else {
            throw TrainingError(.badOption, "momentum is \(momentum); it must be at least 0 and below 1")
        }
        guard weightDecay.isFinite, weightDecay >= 0 else {
            throw TrainingError(.badOption, "weight decay is \(weightDecay); it must be a finite number of 0 or more")
        }
        guard !nesterov || momentum > 0 else {
            throw TrainingError(.badOption, "Nesterov's step needs momentum above 0; momentum is \(momentum): raise it, or turn Nesterov off")
        }
    }
}

/// Stochastic gradient descent with momentum:
/// g' = g + decay * w;  v = momentum * v + g';  w -= rate * (nesterov ? g' + momentum * v : v).
///
/// - Source: `torch.optim.SGD` with dampening 0; Sutskever et al., ICML 2013, for Nesterov's form.
public final class SGD {
    public let options: SGDOptions
    /// v, laid out as ``ParameterStore/values``; zero at first.
    public let velocity: AlignedBuffer
    private let parameters: ParameterStore

    /// - Throws: ``TrainingError`` for impossible options, ``NetworkError`` when there is no memory.
    public init(parameters: ParameterStore, options: SGDOptions) throws {
        try options.check()
        self.options = options
        self.parameters = parameters
        velocity = try AlignedBuffer(count: parameters.values.count)
    }

    /// One step of tensor `t`. May run for different tensors on different threads.
    ///
    /// - Parameter gradient: as many floats as the tensor.
    public func step(_ t: Int, gradient: UnsafeMutableBufferPointer<Float>, rate: Double) {
        let tensor = parameters.trainable[t]
        precondition(gradient.count == tensor.count, "a gradient has its tensor's size")
        let velocity = UnsafeMutableBufferPointer(rebasing: velocity.floats[tensor.range])
        mexit_sgd_step_f32(
            parameters.tensor(t).baseAddress, velocity.baseAddress, gradient.baseAddress, tensor.count, Float(rate),
            Float(options.momentum), Float(options.weightDecay), options.nesterov)
    }
}
