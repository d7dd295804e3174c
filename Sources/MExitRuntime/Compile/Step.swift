import CMExitKernels

/// One kernel call of a compiled model. Offsets count floats: of `x` and `y` from the start of a slot, of weights from the
/// start of the packed weights.
struct Step {
    enum Kind {
        case conv2d(ConvolutionStep)
        case linear(inFeatures: Int32, outFeatures: Int32, weights: Int)
        /// A batch norm that stands alone.
        case scaleShift(scale: Int, bias: Int, relu: Bool)
        case unary(mexit_unary, parameter: Float)
        /// y = x + second (+ ReLU).
        case add(second: MemoryPlan.Place, relu: Bool)
        case copy
        /// Zeroes the halos of y, where memory was used in another layout before.
        case clearHalo
        /// Placement did the work (concat, flatten); the step is there to be counted.
        case nothing
        case maxPool(mexit_pool2d)
        case averagePool(mexit_pool2d)
        case globalAveragePool
        case flatten
        case upsample
        case resize(alignsCorners: Bool)
    }

    var kind: Kind
    let x: MemoryPlan.Place
    let y: MemoryPlan.Place
    /// Graph nodes that this step computes, and their multiply-adds: counted whenever the step runs.
    var operations: Int
    var macs: Int
    /// The graph node whose value this step computes, or helps to compute.
    var node = 0
}

/// A convolution with its kernel chosen and its weights packed.
struct ConvolutionStep {
    let shape: mexit_conv2d
    let kernel: UnsafePointer<mexit_conv2d_kernel>
    let weights: Int
    /// A map of the output's layout that is added before the activation.
    let add: MemoryPlan.Place?
    let activation: mexit_activation
    /// Parts into which threads can split it.
    let units: Int
    let scratchFloats: Int
    /// Weights of later steps that the kernel fetches meanwhile; empty where it does not.
    var ahead = 0..<0
}
