import CMExitKernels
import MExitIR
import MExitParallel
import MExitTraining

/// SplitMix64: the same numbers everywhere.
struct TestRandom {
    var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x2545_f491_4f6c_dd1d &+ 99 }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Uniform in -1 ..< 1.
    mutating func symmetric() -> Float { Float(Double(next() >> 11) * 0x1p-52 - 1) }

    mutating func vector(_ count: Int) -> [Float] { (0..<count).map { _ in symmetric() } }
}

/// A graph with random parameters, a random batch, and for each exit a loss that is a random projection of its logits: smooth,
/// and linear in the logits, so that finite differences see the network's curvature alone.
///
/// Collinear inputs keep away from kinks: all pixels are multiples of one vector, so behind a 1x1 convolution the signs and
/// the order of a channel's pixels stay the same whatever small change its weights undergo.
final class GradientCase {
    let graph: Graph
    let parameters: ParameterStore
    let network: TrainingNetwork
    let gradients: ExitGradients
    let groups: [Int]?
    let count: Int
    var projections: [[Float]] = []

    init(
        _ graph: Graph, batch: Int = 9, seed: UInt64 = 1, threads: Int = 1, groups: [Int]? = nil, placement: Bool = true,
        collinear: Bool = false
    ) throws {
        self.graph = graph
        self.groups = groups
        count = batch
        parameters = try ParameterStore(graph: graph)
        parameters.initialize(seed: seed)
        var random = TestRandom(seed)
        for (t, range) in parameters.trainable.enumerated() {
            let tensor = parameters.tensor(t)
            let isNorm = if case .batchNorm = graph.nodes[range.spec.node].operation { true } else { false }
            for i in tensor.indices {
                tensor[i] = isNorm && range.spec.role == .weight ? 1 + 0.5 * random.symmetric() : random.symmetric() * 0.5
            }
        }
        network = try TrainingNetwork(
            parameters: parameters, batch: batch, pool: WorkerPool(threads: threads), groups: groups, placement: placement)
        gradients = try ExitGradients(parameters: parameters, groups: groups)
        for _ in graph.exits { projections.append(random.vector(batch * graph.classCount)) }
        let shape = graph.inputShape
        let direction = random.vector(shape.channels)
        for sample in 0..<batch {
            var values = random.vector(shape.count)
            if collinear {
                // Evenly spaced numbers in random order, one per pixel, times one vector over the channels.
                let pixels = shape.height * shape.width
                let order = (0..<pixels).map { ($0, random.next()) }.sorted { $0.1 < $1.1 }.map(\.0)
                for i in values.indices {
                    values[i] = (Float(order[i % pixels]) + 0.5 - Float(pixels) / 2) / Float(pixels) * direction[i / pixels]
                }
            }
            fill(sample: sample, with: values)
        }
    }

    /// Writes `[C, H, W]` values into the planar input.
    func fill(sample: Int, with values: [Float]) { GradientCase.fill(network, sample: sample, with: values) }

    static func fill(_ network: TrainingNetwork, sample: Int, with values: [Float]) {
        let (map, pointer, shape) = (network.inputMap, network.inputPointer(sample: sample), network.graph.inputShape)
        for c in 0..<shape.channels {
            for y in 0..<shape.height {
                for x in 0..<shape.width {
                    pointer[c * Int(map.channel_stride) + y * Int(map.row_stride) + x] =
                        values[(c * shape.height + y) * shape.width + x]
                }
            }
        }
    }

    /// Each exit's loss, in double.
    func losses() -> [Double] {
        network.forward(count: count, training: true)
        return graph.exits.indices.map { exit in
            zip(network.logits(exit: exit), projections[exit]).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
    }

    /// Sum of |logit x projection| of an exit: the size of the numbers whose rounding limits finite differences.
    func magnitude(exit: Int) -> Double {
        zip(network.logits(exit: exit), projections[exit]).reduce(0) { $0 + abs(Double($1.0) * Double($1.1)) }
    }

    func runBackward() {
        _ = losses()
        for exit in graph.exits.indices {
            _ = network.logitGradients(exit: exit).update(fromContentsOf: projections[exit].prefix(count * graph.classCount))
        }
        network.backward(into: gradients)
    }

    /// The gradient of a tensor for a loss; zeros where the loss does not reach it.
    func gradient(_ t: Int, loss: Int) -> [Float] {
        guard let position = gradients.tensors[t].exits.firstIndex(of: loss) else {
            return [Float](repeating: 0, count: gradients.tensors[t].count)
        }
        return Array(gradients.gradient(t, position))
    }
}

/// What finite differences say against a gradient.
struct GradientMismatch: CustomStringConvertible {
    let tensor: String
    let exit: Int
    let analytic, numeric, tolerance: Double
    var description: String { "\(tensor), exit \(exit): gradient \(analytic), finite differences \(numeric) +- \(tolerance)" }
}

extension GradientCase {
    /// Compares, for every tensor and exit, the derivative along random directions with central differences.
    ///
    /// Two step widths give an extrapolated value and an estimate of its truncation error; rounding adds
    /// sqrt(depth of sums) x epsilon x size of the loss / step. `loosest` bounds the tolerance relative to the gradient's size, so
    /// that a kink cannot make the test pass by itself.
    func mismatches(step: Double = 1e-2, directions: Int = 2, loosest: Double = 0.03) -> [GradientMismatch] {
        runBackward()
        let analytic = parameters.trainable.indices.map { t in graph.exits.indices.map { gradient(t, loss: $0) } }
        let magnitudes = graph.exits.indices.map { magnitude(exit: $0) }
        var random = TestRandom(77)
        var result: [GradientMismatch] = []
        for (t, range) in parameters.trainable.enumerated() {
            for _ in 0..<directions {
                let direction = random.vector(range.count)
                let near = difference(t, direction, step)
                let far = difference(t, direction, 2 * step)
                for exit in graph.exits.indices {
                    let expected = zip(analytic[t][exit], direction).reduce(0) { $0 + Double($1.0) * Double($1.1) }
                    let size = zip(analytic[t][exit], direction).reduce(0) { $0 + abs(Double($1.0) * Double($1.1)) }
                    let numeric = (4 * near[exit] - far[exit]) / 3
                    let rounding = 4 * 0x1p-23 * magnitudes[exit] / step
                    let tolerance = min(abs(near[exit] - far[exit]), loosest * size) + rounding
                    if !(abs(numeric - expected) <= tolerance) {
                        result.append(
                            GradientMismatch(
                                tensor: range.spec.name, exit: exit, analytic: expected, numeric: numeric, tolerance: tolerance))
                    }
                }
            }
        }
        return result
    }

    private func difference(_ t: Int, _ direction: [Float], _ step: Double) -> [Double] {
        let tensor = parameters.tensor(t)
        let original = Array(tensor)
        func shifted(_ sign: Double) -> [Double] {
            for i in tensor.indices { tensor[i] = original[i] + Float(sign * step) * direction[i] }
            return losses()
        }
        let (up, down) = (shifted(1), shifted(-1))
        _ = tensor.update(fromContentsOf: original)
        return zip(up, down).map { ($0 - $1) / (2 * step) }
    }
}

/// A 1x1 convolution, the operation, and two exits behind it, the second through one more convolution: the operation's data
/// gradient shows in the first convolution's weights, and both exits reach everything before the fork.
func twoExits(
    input: Shape = .map(channels: 3, height: 7, width: 6), stem: Int = 4, _ operation: (inout GraphBuilder, Int) -> Int
) throws -> Graph {
    var builder = GraphBuilder(input: input)
    var value = builder.input
    if input.dimensions.count == 3 {
        value = builder.append(.conv2d(Conv2D(outChannels: stem, kernel: 1)), [value], name: "stem")
    } else {
        value = builder.append(.linear(Linear(outFeatures: stem)), [value], name: "stem")
    }
    value = operation(&builder, value)
    var later = value
    let isMap = try builder.nodes.withShapes()[value].dimensions.count == 3
    if isMap {
        later = builder.append(.conv2d(Conv2D(outChannels: 2, kernel: 1, hasBias: true)), [later], name: "later")
        value = builder.append(.flatten, [value], name: "flat0")
        later = builder.append(.flatten, [later], name: "flat1")
    } else {
        later = builder.append(.linear(Linear(outFeatures: 3, hasBias: false)), [later], name: "later")
    }
    builder.exit(builder.append(.linear(Linear(outFeatures: 5)), [value], name: "head0"), name: "exit0")
    builder.exit(builder.append(.linear(Linear(outFeatures: 5, hasBias: false)), [later], name: "head1"), name: "exit1")
    return try builder.build()
}

extension [Node] {
    /// Shapes of nodes that do not have exits yet.
    func withShapes() throws -> [Shape] {
        var nodes = self
        let last = nodes.count - 1
        nodes.append(Node(name: "probe.flat", block: "", operation: .flatten, inputs: [last]))
        return try Graph(nodes: nodes, exits: [Exit(name: "probe", logits: nodes.count - 1)]).shapes
    }
}
