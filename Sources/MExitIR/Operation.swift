/// What a node computes. Shapes are per sample; layouts are the executor's business.
///
/// The list is closed on purpose: every `switch` over it is exhaustive, so that the compiler names all the places to edit
/// when an operation is added (docs/adding-an-operation.md).
public enum Operation: Hashable, Sendable {
    /// The network's input; always node 0.
    case input(Shape)
    case conv2d(Conv2D)
    /// y = weight * (x - runningMean) / sqrt(runningVariance + epsilon) + bias, per channel (Ioffe & Szegedy 2015).
    case batchNorm(epsilon: Float)
    case activation(Activation)
    /// Elementwise sum of two or more values of one shape.
    case add
    /// Joins maps of one height and width, or vectors, along the channels, in the order of the inputs.
    case concat
    case maxPool(Pool2D)
    case averagePool(Pool2D)
    /// Mean over height and width: [C, H, W] to [C, 1, 1].
    case globalAveragePool
    /// y = weight x + bias, on a vector.
    case linear(Linear)
    /// [C, H, W] to [C*H*W], in that order.
    case flatten
    /// Nearest-neighbour upsampling by a whole factor.
    case upsample(factor: Int)
    /// Bilinear interpolation to another height and width, larger or smaller.
    case resize(Resize)
}

/// A two-dimensional convolution (cross-correlation), weights `[outChannels, inChannels / groups, kernelHeight, kernelWidth]`.
public struct Conv2D: Hashable, Sendable {
    public var outChannels: Int
    public var kernelHeight: Int
    public var kernelWidth: Int
    public var stride: Int
    /// Zeros added on every side.
    public var padding: Int
    public var dilation: Int
    public var groups: Int
    public var hasBias: Bool

    public init(
        outChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1, hasBias: Bool = false
    ) {
        self.init(
            outChannels: outChannels, kernelHeight: kernel, kernelWidth: kernel, stride: stride, padding: padding,
            dilation: dilation, groups: groups, hasBias: hasBias)
    }

    public init(
        outChannels: Int, kernelHeight: Int, kernelWidth: Int, stride: Int, padding: Int, dilation: Int, groups: Int, hasBias: Bool
    ) {
        self.outChannels = outChannels
        self.kernelHeight = kernelHeight
        self.kernelWidth = kernelWidth
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.hasBias = hasBias
    }
}

/// A pooling window.
public struct Pool2D: Hashable, Sendable {
    public var kernel: Int
    public var stride: Int
    public var padding: Int
    /// Average pooling only: whether padding counts in the divisor.
    public var countIncludesPadding: Bool

    public init(kernel: Int, stride: Int, padding: Int = 0, countIncludesPadding: Bool = true) {
        self.kernel = kernel
        self.stride = stride
        self.padding = padding
        self.countIncludesPadding = countIncludesPadding
    }
}

/// A fully connected layer, weights `[outFeatures, inFeatures]`.
public struct Linear: Hashable, Sendable {
    public var outFeatures: Int
    public var hasBias: Bool

    public init(outFeatures: Int, hasBias: Bool = true) {
        self.outFeatures = outFeatures
        self.hasBias = hasBias
    }
}

/// Bilinear interpolation of a map of H x W pixels to `height` x `width`, without smoothing where it shrinks.
///
/// Output row i takes its value from between two rows of the input, at i (H - 1) / (height - 1) (0 if height is 1) where corners are
/// aligned, else at max((i + 0.5) H / height - 0.5, 0), beyond the last row from the last row; columns likewise. These are the two modes of
/// PyTorch's `interpolate(mode="bilinear")`.
public struct Resize: Hashable, Sendable {
    public var height: Int
    public var width: Int
    /// Whether the corner pixels of input and output have the same place; otherwise pixels are areas.
    public var alignsCorners: Bool

    public init(height: Int, width: Int, alignsCorners: Bool) {
        self.height = height
        self.width = width
        self.alignsCorners = alignsCorners
    }
}

/// Elementwise functions.
public enum Activation: Hashable, Sendable {
    case relu
    case relu6
    case leakyRelu(slope: Float)
    case sigmoid
    case tanh
    /// x * sigmoid(x)
    case silu
    /// x * relu6(x + 3) / 6
    case hardSwish
    /// x * Phi(x), exact, with the error function.
    case gelu
}

extension Operation {
    /// The operation's name as files, tables and messages print it.
    public var kind: String {
        switch self {
        case .input: "input"
        case .conv2d: "conv2d"
        case .batchNorm: "batchNorm"
        case .activation(let activation):
            switch activation {
            case .relu: "relu"
            case .relu6: "relu6"
            case .leakyRelu: "leakyRelu"
            case .sigmoid: "sigmoid"
            case .tanh: "tanh"
            case .silu: "silu"
            case .hardSwish: "hardSwish"
            case .gelu: "gelu"
            }
        case .add: "add"
        case .concat: "concat"
        case .maxPool: "maxPool"
        case .averagePool: "averagePool"
        case .globalAveragePool: "globalAveragePool"
        case .linear: "linear"
        case .flatten: "flatten"
        case .upsample: "upsample"
        case .resize: "resize"
        }
    }
}
