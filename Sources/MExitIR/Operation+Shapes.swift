extension Operation {
    /// The shape that the operation gives for inputs of these shapes.
    ///
    /// - Parameter node: the node's name, for the message.
    /// - Throws: ``GraphError`` when the operation's own numbers are impossible, the inputs do not fit, or the result would be
    ///   below 1 x 1 or over ``Shape/maximumCount``.
    func outputShape(of inputs: [Shape], node: String) throws -> Shape {
        try checkInputCount(inputs.count, node: node)
        switch self {
        case .input(let shape):
            return try Shape(dimensions: shape.dimensions)
        case .conv2d(let conv):
            let x = try inputs[0].requireMap(node: node, kind: kind)
            try conv.check(inChannels: x.channels, node: node)
            return try Operation.window(
                node: node, kind: kind, channels: conv.outChannels, of: inputs[0],
                kernel: (conv.kernelHeight, conv.kernelWidth), stride: conv.stride, padding: conv.padding, dilation: conv.dilation)
        case .maxPool(let pool), .averagePool(let pool):
            let x = try inputs[0].requireMap(node: node, kind: kind)
            try pool.check(node: node, kind: kind)
            return try Operation.window(
                node: node, kind: kind, channels: x.channels, of: inputs[0], kernel: (pool.kernel, pool.kernel),
                stride: pool.stride, padding: pool.padding, dilation: 1)
        case .batchNorm(let epsilon):
            guard epsilon > 0, epsilon.isFinite else {
                throw GraphError(.badOperation, "\(node): epsilon is \(epsilon); a batch norm needs one above 0")
            }
            return inputs[0]
        case .activation(let activation):
            if case .leakyRelu(let slope) = activation, !slope.isFinite {
                throw GraphError(.badOperation, "\(node): slope is \(slope); it must be finite")
            }
            return inputs[0]
        case .add:
            for shape in inputs where shape != inputs[0] {
                throw GraphError(.badShape, "\(node): cannot add \(shape) to \(inputs[0]); all inputs of add have one shape")
            }
            return inputs[0]
        case .concat:
            return try Operation.concatenation(of: inputs, node: node)
        case .globalAveragePool:
            return .map(channels: try inputs[0].requireMap(node: node, kind: kind).channels, height: 1, width: 1)
        case .linear(let linear):
            guard case .vector(let inFeatures) = inputs[0] else {
                throw GraphError(.badShape, "\(node): linear takes a vector, its input is \(inputs[0]); put a flatten before it")
            }
            guard linear.outFeatures >= 1, Shape.product([linear.outFeatures, inFeatures]) != nil else {
                throw GraphError(.badOperation, "\(node): \(linear.outFeatures) x \(inFeatures) weights are not possible; features must be at least 1, the product at most \(Shape.maximumCount)")
            }
            return .vector(linear.outFeatures)
        case .flatten:
            return .vector(inputs[0].count)
        case .upsample(let factor):
            let x = try inputs[0].requireMap(node: node, kind: kind)
            guard factor >= 1, factor <= 64 else {
                throw GraphError(.badOperation, "\(node): upsampling factor is \(factor); it must be 1 ... 64")
            }
            return try Shape.map(channels: x.channels, height: x.height * factor, width: x.width * factor).checked(node: node)
        case .resize(let resize):
            let x = try inputs[0].requireMap(node: node, kind: kind)
            guard (1...Resize.largestSide).contains(resize.height), (1...Resize.largestSide).contains(resize.width) else {
                throw GraphError(
                    .badOperation,
                    "\(node): resizing to \(resize.height) x \(resize.width); height and width must be 1 ... \(Resize.largestSide)")
            }
            return try Shape.map(channels: x.channels, height: resize.height, width: resize.width).checked(node: node)
        }
    }

    private func checkInputCount(_ count: Int, node: String) throws {
        let (allowed, rule): (ClosedRange<Int>, String) =
            switch self {
            case .input: (0...0, "none")
            case .add: (2...Int.max, "two or more")
            case .concat: (1...Int.max, "one or more")
            case .conv2d, .batchNorm, .activation, .maxPool, .averagePool, .globalAveragePool, .linear, .flatten, .upsample,
                .resize:
                (1...1, "one")
            }
        guard allowed.contains(count) else {
            throw GraphError(.badEdge, "\(node): \(kind) has \(count) inputs; it takes \(rule)")
        }
    }

    /// The output of a sliding window: floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.
    private static func window(
        node: String, kind: String, channels: Int, of x: Shape, kernel: (Int, Int), stride: Int, padding: Int, dilation: Int
    ) throws -> Shape {
        let height = x.height + 2 * padding - dilation * (kernel.0 - 1) - 1
        let width = x.width + 2 * padding - dilation * (kernel.1 - 1) - 1
        guard height >= 0, width >= 0 else {
            throw GraphError(
                .badShape,
                "\(node): a \(kernel.0)x\(kernel.1) \(kind) (padding \(padding), dilation \(dilation)) does not fit \(x): the result would be below 1x1; use a larger input or fewer scales")
        }
        return try Shape.map(channels: channels, height: height / stride + 1, width: width / stride + 1).checked(node: node)
    }

    private static func concatenation(of inputs: [Shape], node: String) throws -> Shape {
        var channels = 0
        for shape in inputs {
            switch (shape, inputs[0]) {
            case (.vector, .vector): break
            case (.map, .map) where shape.height == inputs[0].height && shape.width == inputs[0].width: break
            default:
                throw GraphError(.badShape, "\(node): cannot concat \(shape) with \(inputs[0]); only the channels may differ")
            }
            channels += shape.channels
        }
        let shape: Shape =
            switch inputs[0] {
            case .vector: .vector(channels)
            case .map(_, let height, let width): .map(channels: channels, height: height, width: width)
            }
        return try shape.checked(node: node)
    }
}

extension Shape {
    fileprivate func requireMap(node: String, kind: String) throws -> (channels: Int, height: Int, width: Int) {
        guard case .map(let channels, let height, let width) = self else {
            throw GraphError(.badShape, "\(node): \(kind) takes a map [C, H, W], its input is the vector \(self)")
        }
        return (channels, height, width)
    }

    fileprivate func checked(node: String) throws -> Shape {
        guard Shape.product(dimensions) != nil else {
            throw GraphError(.badShape, "\(node): a value of \(self) is over the limit of \(Shape.maximumCount) elements")
        }
        return self
    }
}

extension Conv2D {
    /// The largest kernel, stride, padding or dilation accepted: keeps index arithmetic far from overflow.
    static let largestGeometry = 1024

    fileprivate func check(inChannels: Int, node: String) throws {
        for (name, value, least) in [
            ("kernel height", kernelHeight, 1), ("kernel width", kernelWidth, 1), ("stride", stride, 1), ("padding", padding, 0),
            ("dilation", dilation, 1),
        ] where !(least...Conv2D.largestGeometry).contains(value) {
            throw GraphError(.badOperation, "\(node): \(name) is \(value); it must be \(least) ... \(Conv2D.largestGeometry)")
        }
        guard outChannels >= 1, groups >= 1, inChannels % groups == 0, outChannels % groups == 0 else {
            throw GraphError(
                .badOperation,
                "\(node): \(groups) groups, \(inChannels) input and \(outChannels) output channels; groups must divide both, and all be at least 1")
        }
        guard Shape.product([outChannels, inChannels / groups, kernelHeight, kernelWidth]) != nil else {
            throw GraphError(.badOperation, "\(node): the weights would have over \(Shape.maximumCount) elements")
        }
    }
}

extension Resize {
    /// The largest height or width accepted: keeps the arithmetic of positions far from overflow.
    static let largestSide = 65536
}

extension Pool2D {
    fileprivate func check(node: String, kind: String) throws {
        guard (1...Conv2D.largestGeometry).contains(kernel), (1...Conv2D.largestGeometry).contains(stride),
            padding >= 0, padding <= kernel / 2
        else {
            throw GraphError(
                .badOperation,
                "\(node): \(kind) with kernel \(kernel), stride \(stride), padding \(padding); kernel and stride must be 1 ... \(Conv2D.largestGeometry), padding at most half the kernel")
        }
    }
}
