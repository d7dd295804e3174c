import MExitIR

/// One small network per operation, with what PyTorch computed with it: tools/fixtures/operations.py describes it.
public struct OperationFixture: Sendable {
    public struct Case: Decodable, Sendable {
        public var name: String
        public var kind: String
        /// Height and width of the input.
        var size: [Int]
        var kernel: [Int]?
        var out: Int?
        var stride: Int?
        var padding: Int?
        var dilation: Int?
        var groups: Int?
        var bias: Bool?
        var countIncludesPadding: Bool?
        var epsilon: Float?
        var slope: Float?
        var factor: Int?
        /// Height and width to which it resizes.
        var to: [Int]?
        var alignCorners: Bool?
    }

    public let file: FixtureFile
    public let cases: [Case]
    /// Samples of every case.
    public let batch: Int
    private let classes: Int
    private let seed: UInt64
    private let difference: [String: Double]

    public init() throws {
        file = try FixtureFile("operations")
        cases = try file.metadata("cases")
        batch = try file.metadata("batch")
        classes = try file.metadata("classes")
        seed = try file.metadata("seed")
        difference = try file.metadata("difference")
    }

    public func graph(_ test: Case) throws -> Graph {
        var builder = GraphBuilder(input: .map(channels: 3, height: test.size[0], width: test.size[1]))
        var inputs = [builder.append(.conv2d(Conv2D(outChannels: 4, kernel: 3, padding: 1, hasBias: true)), [0], name: "pre")]
        if test.kind == "add" || test.kind == "concat" {
            inputs.append(builder.append(.conv2d(Conv2D(outChannels: 4, kernel: 1, hasBias: true)), [0], name: "pre2"))
        }
        if test.kind == "linear" { inputs = [builder.append(.flatten, inputs, name: "pre.flatten")] }
        var x = builder.append(try operation(test), inputs, name: "op")
        if test.kind != "linear" { x = builder.append(.flatten, [x], name: "flatten") }
        builder.exit(builder.append(.linear(Linear(outFeatures: classes)), [x], name: "head"), name: "exit0")
        return try builder.build()
    }

    private func operation(_ test: Case) throws -> Operation {
        let pool = Pool2D(
            kernel: test.kernel?[0] ?? 1, stride: test.stride ?? 1, padding: test.padding ?? 0,
            countIncludesPadding: test.countIncludesPadding ?? true)
        switch test.kind {
        case "conv2d":
            return .conv2d(
                Conv2D(
                    outChannels: test.out ?? 1, kernelHeight: test.kernel?[0] ?? 1, kernelWidth: test.kernel?[1] ?? 1,
                    stride: test.stride ?? 1, padding: test.padding ?? 0, dilation: test.dilation ?? 1, groups: test.groups ?? 1,
                    hasBias: test.bias ?? false))
        case "batchNorm": return .batchNorm(epsilon: test.epsilon ?? 1e-5)
        case "maxPool": return .maxPool(pool)
        case "averagePool": return .averagePool(pool)
        case "globalAveragePool": return .globalAveragePool
        case "resize":
            let to = test.to ?? []
            guard to.count == 2 else { throw TestSupportError("case '\(test.name)' has no height and width; \(FixtureFile.rebuild)") }
            return .resize(Resize(height: to[0], width: to[1], alignsCorners: test.alignCorners ?? false))
        case "upsample": return .upsample(factor: test.factor ?? 1)
        case "add": return .add
        case "concat": return .concat
        case "linear": return .linear(Linear(outFeatures: test.out ?? 1, hasBias: test.bias ?? true))
        case "leakyRelu": return .activation(.leakyRelu(slope: test.slope ?? 0))
        default:
            let plain: [Activation] = [.relu, .relu6, .sigmoid, .tanh, .silu, .hardSwish, .gelu]
            guard let found = plain.first(where: { Operation.activation($0).kind == test.kind }) else {
                throw TestSupportError("case '\(test.name)' tests '\(test.kind)', which is not known here; \(FixtureFile.rebuild)")
            }
            return .activation(found)
        }
    }

    public func tensors(_ test: Case, _ graph: Graph) -> [String: [Float]] {
        var result: [String: [Float]] = [:]
        for spec in graph.parameters {
            let isPositive = spec.role == .runningVariance || test.kind == "batchNorm" && spec.name == "op.weight"
            result[spec.name] = numbers("\(test.name).\(spec.name)", spec.count, positive: isPositive)
        }
        return result
    }

    /// One `[3, H, W]` per sample.
    public func images(_ test: Case) -> [[Float]] {
        let count = 3 * test.size[0] * test.size[1]
        let values = numbers("\(test.name).images", batch * count, positive: false)
        return (0..<batch).map { Array(values[$0 * count..<($0 + 1) * count]) }
    }

    /// The derivative with respect to the logits, `[batch, classes]`.
    public func derivative(_ test: Case) -> [Float] { numbers("\(test.name).derivative", batch * classes, positive: false) }

    private func numbers(_ name: String, _ count: Int, positive: Bool) -> [Float] {
        let random = CounterRandom(name: name, seed: seed)
        return (0..<count).map { Float(positive ? random.uniform($0) + 0.5 : random.normal($0) / 2) }
    }

    /// Throws unless the values are those of the fixture, up to 8 times what PyTorch's single precision loses there, or a few
    /// roundings of the largest value where it was lucky.
    public func check(_ actual: [Float], _ name: String) throws {
        let expected = try file.doubles(name)
        let largest = expected.map(abs).max() ?? 0
        let tolerance = 8 * max(difference[name] ?? 0, Double(Float.ulpOfOne) * max(largest, 1))
        try assertClose(actual, expected, within: expected.map { _ in tolerance }, "\(name); \(FixtureFile.rebuild)")
    }
}
