import CMExitProto
import MExitIR

// One operation, to and from its message. Adding an operation: a message and a number in mexit.proto, one case in each of
// the two functions.

extension Operation {
    /// Writes the operation into its node's message.
    func encode(into node: inout Mexit__Node, node name: String, arena: ProtoArena) throws {
        switch self {
        case .input(let shape):
            let dims: [UInt64] = try shape.dimensions.map { try unsigned($0, "\(name): a dimension") }
            node.operation_case = MEXIT__NODE__OPERATION_INPUT
            node.input = arena.make(mexit__input__init) {
                $0.n_dims = dims.count
                $0.dims = arena.array(dims)
            }
        case .conv2d(let conv):
            node.operation_case = MEXIT__NODE__OPERATION_CONV2D
            node.conv2d = try arena.make(mexit__conv2d__init) {
                $0.out_channels = try unsigned(conv.outChannels, "\(name): output channels")
                $0.kernel_height = try unsigned(conv.kernelHeight, "\(name): kernel height")
                $0.kernel_width = try unsigned(conv.kernelWidth, "\(name): kernel width")
                $0.stride = try unsigned(conv.stride, "\(name): stride")
                $0.padding = try unsigned(conv.padding, "\(name): padding")
                $0.dilation = try unsigned(conv.dilation, "\(name): dilation")
                $0.groups = try unsigned(conv.groups, "\(name): groups")
                $0.has_bias = conv.hasBias ? 1 : 0
            }
        case .batchNorm(let epsilon):
            node.operation_case = MEXIT__NODE__OPERATION_BATCH_NORM
            node.batch_norm = arena.make(mexit__batch_norm__init) { $0.epsilon = epsilon }
        case .activation(let activation):
            node.operation_case = MEXIT__NODE__OPERATION_ACTIVATION
            node.activation = arena.make(mexit__activation__init) {
                $0.function = activation.message.function
                $0.slope = activation.message.slope
            }
        case .add:
            node.operation_case = MEXIT__NODE__OPERATION_ADD
            node.add = arena.make(mexit__add__init)
        case .concat:
            node.operation_case = MEXIT__NODE__OPERATION_CONCAT
            node.concat = arena.make(mexit__concat__init)
        case .maxPool(let pool):
            node.operation_case = MEXIT__NODE__OPERATION_MAX_POOL
            node.max_pool = try pool.message(node: name, arena: arena)
        case .averagePool(let pool):
            node.operation_case = MEXIT__NODE__OPERATION_AVERAGE_POOL
            node.average_pool = try pool.message(node: name, arena: arena)
        case .globalAveragePool:
            node.operation_case = MEXIT__NODE__OPERATION_GLOBAL_AVERAGE_POOL
            node.global_average_pool = arena.make(mexit__global_average_pool__init)
        case .linear(let linear):
            node.operation_case = MEXIT__NODE__OPERATION_LINEAR
            node.linear = try arena.make(mexit__linear__init) {
                $0.out_features = try unsigned(linear.outFeatures, "\(name): output features")
                $0.has_bias = linear.hasBias ? 1 : 0
            }
        case .flatten:
            node.operation_case = MEXIT__NODE__OPERATION_FLATTEN
            node.flatten = arena.make(mexit__flatten__init)
        case .upsample(let factor):
            node.operation_case = MEXIT__NODE__OPERATION_UPSAMPLE
            node.upsample = try arena.make(mexit__upsample__init) { $0.factor = try unsigned(factor, "\(name): factor") }
        case .resize(let resize):
            node.operation_case = MEXIT__NODE__OPERATION_RESIZE
            node.resize = try arena.make(mexit__resize__init) {
                $0.height = try unsigned(resize.height, "\(name): height")
                $0.width = try unsigned(resize.width, "\(name): width")
                $0.align_corners = resize.alignsCorners ? 1 : 0
            }
        }
    }

    /// Reads the operation of a node's message. Only what the message itself breaks is refused here; `Graph` checks the rest.
    init(decoding node: Mexit__Node, node name: String) throws {
        try Operation.checkUnknownFields(of: node, node: name)
        switch node.operation_case {
        case MEXIT__NODE__OPERATION_INPUT:
            guard node.input.pointee.n_dims <= 3 else {
                throw CheckpointError(.malformed, "\(name): its shape has \(node.input.pointee.n_dims) dimensions; a value is [C, H, W] or [K]")
            }
            self = .input(try Shape(dimensions: repeated(node.input.pointee.dims, node.input.pointee.n_dims).map {
                try integer($0, "\(name): a dimension")
            }))
        case MEXIT__NODE__OPERATION_CONV2D:
            let conv = node.conv2d.pointee
            self = .conv2d(
                Conv2D(
                    outChannels: Int(conv.out_channels), kernelHeight: Int(conv.kernel_height), kernelWidth: Int(conv.kernel_width),
                    stride: Int(conv.stride), padding: Int(conv.padding), dilation: Int(conv.dilation), groups: Int(conv.groups),
                    hasBias: conv.has_bias != 0))
        case MEXIT__NODE__OPERATION_BATCH_NORM:
            self = .batchNorm(epsilon: node.batch_norm.pointee.epsilon)
        case MEXIT__NODE__OPERATION_ACTIVATION:
            self = .activation(try Activation(decoding: node.activation.pointee, node: name))
        case MEXIT__NODE__OPERATION_ADD:
            self = .add
        case MEXIT__NODE__OPERATION_CONCAT:
            self = .concat
        case MEXIT__NODE__OPERATION_MAX_POOL:
            self = .maxPool(Pool2D(decoding: node.max_pool.pointee))
        case MEXIT__NODE__OPERATION_AVERAGE_POOL:
            self = .averagePool(Pool2D(decoding: node.average_pool.pointee))
        case MEXIT__NODE__OPERATION_GLOBAL_AVERAGE_POOL:
            self = .globalAveragePool
        case MEXIT__NODE__OPERATION_LINEAR:
            self = .linear(Linear(outFeatures: Int(node.linear.pointee.out_features), hasBias: node.linear.pointee.has_bias != 0))
        case MEXIT__NODE__OPERATION_FLATTEN:
            self = .flatten
        case MEXIT__NODE__OPERATION_UPSAMPLE:
            self = .upsample(factor: Int(node.upsample.pointee.factor))
        case MEXIT__NODE__OPERATION_RESIZE:
            let resize = node.resize.pointee
            self = .resize(Resize(height: Int(resize.height), width: Int(resize.width), alignsCorners: resize.align_corners != 0))
        default:
            throw CheckpointError(.malformed, "node '\(name)' has no operation")
        }
    }

    /// Fields of a node from here on are operations; those below are whatever any node may have.
    private static let firstOperationField = 16

    /// A newer file's operation arrives as a field that this build's schema does not have, also beside one that it knows, and
    /// a newer property of an operation as a field of that operation. Either would change what the network computes.
    private static func checkUnknownFields(of node: Mexit__Node, node name: String) throws {
        let operations = repeated(node.base.unknown_fields, Int(node.base.n_unknown_fields)).map(\.tag).filter { $0 >= firstOperationField }
        guard operations.isEmpty else {
            throw CheckpointError(
                .unsupportedFeature,
                "node '\(name)' has an operation that this build does not know (field \(list(operations)) of mexit.Node); use a newer mexit")
        }
        // All members of the union are pointers to messages, and every message starts with its base.
        guard node.operation_case != MEXIT__NODE__OPERATION__NOT_SET, let operation = UnsafeRawPointer(node.input) else { return }
        let base = operation.assumingMemoryBound(to: ProtobufCMessage.self).pointee
        let properties = repeated(base.unknown_fields, Int(base.n_unknown_fields)).map(\.tag)
        guard properties.isEmpty else {
            throw CheckpointError(
                .unsupportedFeature,
                "the operation of node '\(name)' has a property that this build does not know (field \(list(properties)) of \(String(cString: base.descriptor.pointee.name))); use a newer mexit")
        }
    }

    private static func list(_ tags: [UInt32]) -> String { tags.map { "\($0)" }.joined(separator: ", ") }
}

extension Pool2D {
    fileprivate func message(node name: String, arena: ProtoArena) throws -> UnsafeMutablePointer<Mexit__Pool2d> {
        try arena.make(mexit__pool2d__init) {
            $0.kernel = try unsigned(kernel, "\(name): kernel")
            $0.stride = try unsigned(stride, "\(name): stride")
            $0.padding = try unsigned(padding, "\(name): padding")
            $0.count_includes_padding = countIncludesPadding ? 1 : 0
        }
    }

    fileprivate init(decoding pool: Mexit__Pool2d) {
        self.init(
            kernel: Int(pool.kernel), stride: Int(pool.stride), padding: Int(pool.padding),
            countIncludesPadding: pool.count_includes_padding != 0)
    }
}

extension Activation {
    fileprivate var message: (function: Mexit__Activation__Function, slope: Float) {
        switch self {
        case .relu: (MEXIT__ACTIVATION__FUNCTION__RELU, 0)
        case .relu6: (MEXIT__ACTIVATION__FUNCTION__RELU6, 0)
        case .leakyRelu(let slope): (MEXIT__ACTIVATION__FUNCTION__LEAKY_RELU, slope)
        case .sigmoid: (MEXIT__ACTIVATION__FUNCTION__SIGMOID, 0)
        case .tanh: (MEXIT__ACTIVATION__FUNCTION__TANH, 0)
        case .silu: (MEXIT__ACTIVATION__FUNCTION__SILU, 0)
        case .hardSwish: (MEXIT__ACTIVATION__FUNCTION__HARD_SWISH, 0)
        case .gelu: (MEXIT__ACTIVATION__FUNCTION__GELU, 0)
        }
    }

    fileprivate init(decoding activation: Mexit__Activation, node name: String) throws {
        switch activation.function {
        case MEXIT__ACTIVATION__FUNCTION__RELU: self = .relu
        case MEXIT__ACTIVATION__FUNCTION__RELU6: self = .relu6
        case MEXIT__ACTIVATION__FUNCTION__LEAKY_RELU: self = .leakyRelu(slope: activation.slope)
        case MEXIT__ACTIVATION__FUNCTION__SIGMOID: self = .sigmoid
        case MEXIT__ACTIVATION__FUNCTION__TANH: self = .tanh
        case MEXIT__ACTIVATION__FUNCTION__SILU: self = .silu
        case MEXIT__ACTIVATION__FUNCTION__HARD_SWISH: self = .hardSwish
        case MEXIT__ACTIVATION__FUNCTION__GELU: self = .gelu
        default:
            throw CheckpointError(
                .unsupportedFeature,
                "node '\(name)' has activation function \(activation.function.rawValue), which this build does not know; use a newer mexit")
        }
    }
}
