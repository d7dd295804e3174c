import MExitIR

/// A small valid graph of random operations, for properties that must hold whatever the network looks like.
///
/// It goes where architectures do not: logits that other nodes read, exits out of order or behind one another, concats of a
/// value with itself, sums of one value, flattens with several readers, padding around 1x1 maps, vectors as input.
public func randomGraph(seed: UInt64) throws -> Graph {
    var source = RandomGraph(seed: seed)
    return try source.graph()
}

private struct RandomGraph {
    private var generator: SeededGenerator
    private var builder: GraphBuilder
    private var shapes: [Shape]
    private let classes: Int

    /// Elements of the largest value: the double reference is slow.
    private static let largest = 1200

    init(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
        let shape: Shape =
            switch pick(0...5) {
            case 0: .vector(pick(1...12))
            case 1: .map(channels: pick(1...9), height: 1, width: 1)
            default: .map(channels: pick(1...4), height: pick(1...9), width: pick(1...9))
            }
        classes = pick(1...5)
        builder = GraphBuilder(input: shape)
        shapes = [shape]
        self.generator = generator
    }

    mutating func graph() throws -> Graph {
        let operations = pick(3...24)
        for _ in 0..<operations { appendAny() }
        if !shapes.contains(.vector(classes)) || chance(3) { appendHead() }
        let candidates = shapes.indices.filter { shapes[$0] == .vector(classes) }.shuffled(using: &generator)
        for logits in candidates.prefix(pick(1...4)) { builder.exit(logits, name: "exit\(logits)") }
        let graph = try builder.build()
        guard graph.shapes == shapes else { throw TestSupportError("shapes \(graph.shapes), expected \(shapes)") }
        return graph
    }

    private mutating func pick(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }
    private mutating func chance(_ one: Int) -> Bool { pick(1...one) == 1 }

    /// A value, newer ones more often.
    private mutating func value() -> Int { max(pick(0...shapes.count - 1), pick(0...shapes.count - 1)) }

    @discardableResult
    private mutating func append(_ operation: Operation, _ inputs: [Int], _ shape: Shape) -> Int {
        guard shape.count <= RandomGraph.largest else { return inputs[0] }
        shapes.append(shape)
        builder.block = "b\(shapes.count / 4)"
        return builder.append(operation, inputs, name: "n\(shapes.count - 1)")
    }

    private mutating func appendAny() {
        let x = value()
        let shape = shapes[x]
        switch pick(0...12) {
        case 0: append(.batchNorm(epsilon: 1e-3), [x], shape)
        case 1: append(.activation(activation()), [x], shape)
        case 2: append(.add, [x] + others(atLeast: 1) { $0 == shape }, shape)
        case 3, 4: appendConcat(x)
        case 5: append(.flatten, [x], .vector(shape.count))
        case 6: appendHead()
        default:
            guard case .map(let channels, let height, let width) = shape else {
                let features = chance(2) ? classes : pick(1...9)
                append(.linear(Linear(outFeatures: features, hasBias: chance(2))), [x], .vector(features))
                return
            }
            switch pick(0...8) {
            case 8:
                let resize = Resize(height: pick(1...11), width: pick(1...11), alignsCorners: chance(2))
                append(.resize(resize), [x], .map(channels: channels, height: resize.height, width: resize.width))
            case 0: append(.globalAveragePool, [x], .map(channels: channels, height: 1, width: 1))
            case 1:
                let factor = pick(1...3)
                append(.upsample(factor: factor), [x], .map(channels: channels, height: height * factor, width: width * factor))
            case 2: appendPool(x, channels, height, width)
            default: appendConv(x, channels, height, width)
            }
        }
    }

    /// Values of a shape that satisfies the condition, with repeats.
    private mutating func others(atLeast least: Int, _ condition: (Shape) -> Bool) -> [Int] {
        let fitting = shapes.indices.filter { condition(shapes[$0]) }
        return (0..<pick(least...3)).compactMap { _ in fitting.randomElement(using: &generator) }
    }

    private mutating func activation() -> Activation {
        let all: [Activation] = [.relu, .relu, .relu, .relu6, .leakyRelu(slope: 0.1), .sigmoid, .tanh, .silu, .hardSwish, .gelu]
        return all[pick(0...all.count - 1)]
    }

    private mutating func appendConcat(_ x: Int) {
        let shape = shapes[x]
        let inputs = ([x] + others(atLeast: 0) { other in
            switch (other, shape) {
            case (.vector, .vector): true
            case (.map, .map): other.height == shape.height && other.width == shape.width
            default: false
            }
        }).shuffled(using: &generator)
        let channels = inputs.reduce(0) { $0 + shapes[$1].channels }
        if case .vector = shape {
            append(.concat, inputs, .vector(channels))
        } else {
            append(.concat, inputs, .map(channels: channels, height: shape.height, width: shape.width))
        }
    }

    private mutating func appendPool(_ x: Int, _ channels: Int, _ height: Int, _ width: Int) {
        let kernel = pick(1...3)
        let pool = Pool2D(kernel: kernel, stride: pick(1...3), padding: pick(0...kernel / 2), countIncludesPadding: chance(2))
        let rows = height + 2 * pool.padding - kernel
        let columns = width + 2 * pool.padding - kernel
        guard rows >= 0, columns >= 0 else { return }
        append(
            chance(2) ? .maxPool(pool) : .averagePool(pool), [x],
            .map(channels: channels, height: rows / pool.stride + 1, width: columns / pool.stride + 1))
    }

    /// A convolution, often with a batch norm, a ReLU or both behind it.
    private mutating func appendConv(_ x: Int, _ channels: Int, _ height: Int, _ width: Int) {
        let groups = (1...channels).filter { channels % $0 == 0 }.randomElement(using: &generator) ?? 1
        let conv = Conv2D(
            outChannels: groups * pick(1...max(1, 9 / groups)), kernelHeight: pick(1...3), kernelWidth: pick(1...3), stride: pick(1...3),
            padding: pick(0...3), dilation: pick(1...2), groups: groups, hasBias: chance(2))
        let rows = height + 2 * conv.padding - conv.dilation * (conv.kernelHeight - 1) - 1
        let columns = width + 2 * conv.padding - conv.dilation * (conv.kernelWidth - 1) - 1
        guard rows >= 0, columns >= 0 else { return }
        let shape = Shape.map(channels: conv.outChannels, height: rows / conv.stride + 1, width: columns / conv.stride + 1)
        var y = append(.conv2d(conv), [x], shape)
        if y != x, chance(2) { y = append(.batchNorm(epsilon: 1e-5), [y], shape) }
        if y != x, chance(2) { append(.activation(.relu), [y], shape) }
    }

    private mutating func appendHead() {
        var x = value()
        if case .map = shapes[x] { x = append(.flatten, [x], .vector(shapes[x].count)) }
        append(.linear(Linear(outFeatures: classes)), [x], .vector(classes))
    }
}
