/// Resolution Adaptive Network: dense sub-networks at rising resolutions, the coarsest first; each but the first takes up the maps of
/// the one before, enlarged, and goes on a few blocks further, with a classifier behind each of these.
///
/// Defaults are those of the authors' code for 32x32 images; their training script has a fourth sub-network (`ranet-cifar`).
/// - Source: Yang et al., Resolution Adaptive Networks for Efficient Inference, CVPR 2020 (arXiv:2003.07326), built as in the authors'
///   PyTorch code: maps change size by bilinear interpolation with aligned corners, also where a block halves its resolution and keeps
///   what it has.
public struct RANetConfiguration: ArchitectureFamily {
    public static let family = "ranet"

    public enum StepMode: String, Hashable, Sendable, Codable {
        /// `step` layers in every block.
        case even
        /// `step * k` layers in block k, counted from 1.
        case linearGrowth
    }

    public enum Stem: String, Hashable, Sendable, Codable {
        /// One 3x3 convolution at full resolution.
        case cifar
        /// 7x7 with stride 2, then 3x3 max pooling with stride 2.
        case imageNet
    }

    /// Per sub-network, coarsest first, rising by at most 1 from 1: it starts at a resolution 2^(last - its own) times lower than the
    /// finest and is back at the coarsest at its end.
    public var scales = [1, 2, 3]
    /// Blocks of the coarsest sub-network, each with a classifier.
    public var blocks = 2
    /// What each sub-network has more than the one before: its own blocks, each with a classifier.
    public var blockStep = 2
    /// Layers per block.
    public var step = 4
    public var stepMode = StepMode.even
    /// Channels of the stem, and new channels per layer, at factor 1.
    public var channels = 16
    public var growth = 6
    /// Factors on both, and width limit of the 1x1 bottleneck in multiples of the convolution's output channels, per sub-network.
    public var growthFactors = [4, 2, 1]
    public var bottleneckFactors = [4, 2, 1]
    /// What a transition leaves of the channels.
    public var reduction: Double = 0.5
    /// Share of new channels that come from the sub-network before.
    public var compression: Double = 0.25
    public var stem = Stem.cifar
    /// Channels of the classifiers' two convolutions; nil for as many as the block before gives.
    public var headChannels: Int? = 128

    public init() {}

    public static let presets: [Architecture] = [
        preset("ranet-cifar") {
            $0.scales = [1, 2, 3, 3]
            $0.growthFactors = [4, 2, 1, 1]
            $0.bottleneckFactors = [4, 2, 1, 1]
        },
        preset("ranet-cifar-6"),
        // For a try on a few cores.
        preset("ranet-micro") {
            $0.step = 2
            $0.channels = 8
            $0.growth = 4
            $0.bottleneckFactors = [2, 1, 1]
            $0.headChannels = 32
        },
        preset("ranet-imagenet", input: .map(channels: 3, height: 224, width: 224)) {
            $0.scales = [1, 2, 3, 4]
            $0.step = 8
            $0.growth = 16
            $0.growthFactors = [4, 2, 1, 1]
            $0.bottleneckFactors = [4, 2, 1, 1]
            $0.stem = .imageNet
            $0.headChannels = nil
        },
    ]
}

extension RANetConfiguration {
    /// - Throws: ``GraphError`` when the numbers are impossible or a map would fall below 1x1.
    public func graph(input: Shape, classes: Int) throws -> Graph {
        try check(input)
        var builder = GraphBuilder(input: input)
        let starts = appendStem(&builder, Map(node: builder.input, channels: input.channels, height: input.height, width: input.width))
        var previous: [Block] = []
        var exit = 0
        for network in scales.indices {
            var x = starts[network]
            var current: [Block] = []
            for number in 1...blockCount(network) {
                builder.block = "scale\(network).block\(number)"
                let lower = number <= previous.count ? previous[number - 1] : nil
                let block = append(block: number, of: network, to: x, lower: lower, &builder)
                x = block.output
                current.append(block)
                if lower == nil {
                    head(exit, on: x, classes, &builder)
                    exit += 1
                }
            }
            previous = current
        }
        return try builder.build()
    }

    /// A value with its shape, which decides what has to be resized.
    private struct Map {
        var node: Int
        var channels: Int
        var height: Int
        var width: Int
    }

    /// The input of a block's first layer and the outputs of all its layers, which the next sub-network reads; and what comes out.
    private struct Block {
        var layers: [Map]
        var output: Map
    }

    private func blockCount(_ network: Int) -> Int { blocks + blockStep * network }

    private func check(_ input: Shape) throws {
        guard case .map = input else { throw GraphError(.badShape, "\(Self.family) takes a map [C, H, W], its input is the vector \(input)") }
        let count = scales.count
        try Self.require((1...8).contains(count), "\(count) scales; 1 ... 8 are possible")
        try Self.require(
            scales[0] == 1 && zip(scales, scales.dropFirst()).allSatisfy { $1 == $0 || $1 == $0 + 1 },
            "scales \(scales) must start at 1 and rise by at most 1")
        for (name, factors) in [("growthFactors", growthFactors), ("bottleneckFactors", bottleneckFactors)] {
            try Self.require(factors.count == count, "\(factors.count) \(name) for \(count) scales; give one each")
            try Self.require(factors.allSatisfy((1...64).contains), "\(name) \(factors) must be 1 ... 64")
        }
        try Self.require((1...64).contains(blocks) && (1...64).contains(blockStep), "blocks \(blocks) and blockStep \(blockStep) must be 1 ... 64")
        try Self.require((1...64).contains(step), "step is \(step); it must be 1 ... 64")
        try Self.require((1...4096).contains(channels) && (1...4096).contains(growth), "channels \(channels) and growth \(growth) must be 1 ... 4096")
        try Self.require(reduction > 0 && reduction <= 1, "reduction is \(reduction); it must be above 0 and at most 1")
        try Self.require(compression > 0 && compression < 1, "compression is \(compression); it must be between 0 and 1")
        let least = growth * (growthFactors.dropFirst().min() ?? 4)
        try Self.require(
            count == 1 || share(least) >= 1,
            "growth \(least) with compression \(compression) leaves less than one channel for the maps of the sub-network before")
        try Self.require((1...65536).contains(headChannels ?? 1), "headChannels is \(headChannels ?? 0); it must be at least 1")
    }

    /// How many of some channels come from the sub-network before.
    private func share(_ channels: Int) -> Int { Int(Double(channels) * compression) }

    /// The first map of each sub-network: each is made from the next finer one.
    private func appendStem(_ builder: inout GraphBuilder, _ input: Map) -> [Map] {
        builder.block = "stem"
        var x = input
        var starts: [Map] = []
        for network in scales.indices.reversed() {
            let name = "stem.scale\(network)"
            let out = channels * growthFactors[network]
            if network < scales.count - 1 {
                x = convNormRelu(x, out, kernel: 3, stride: scales[network] == scales[network + 1] ? 1 : 2, name: name, &builder)
            } else if stem == .cifar {
                x = convNormRelu(x, out, kernel: 3, name: name, &builder)
            } else {
                let conv = Conv2D(outChannels: out, kernel: 7, stride: 2, padding: 3, hasBias: true)
                let y = builder.append(.conv2d(conv), [x.node], name: "\(name).conv")
                let norm = builder.append(.batchNorm(epsilon: 1e-5), [y], name: "\(name).norm")
                let relu = builder.append(.activation(.relu), [norm], name: "\(name).relu")
                x = Map(
                    node: builder.append(.maxPool(Pool2D(kernel: 3, stride: 2, padding: 1)), [relu], name: "\(name).pool"),
                    channels: out, height: half(half(x.height)), width: half(half(x.width)))
            }
            starts.insert(x, at: 0)
        }
        return starts
    }

    /// - Parameters:
    ///   - number: counted from 1.
    ///   - lower: the block of this number in the sub-network before, if it has one.
    private func append(block number: Int, of network: Int, to x: Map, lower: Block?, _ builder: inout GraphBuilder) -> Block {
        let name = "scale\(network).block\(number)"
        let layers = stepMode == .even ? step : step * number
        // The ends of the sub-networks before, as many as there are resolutions to lose.
        let ends = (0..<network).map(blockCount).suffix(scales[network] - 1)
        var outputs = [x]
        for layer in 0..<layers {
            let halves = lower != nil && layer == layers - 1 && ends.contains(number)
            outputs.append(
                append(layer: "\(name).layer\(layer)", of: network, to: outputs[layer], lower: lower?.layers[layer], halves: halves, &builder))
        }
        var y = outputs[layers]
        if let lower {
            let last = convNormRelu(lower.layers[layers], max(1, share(y.channels)), kernel: 1, name: "\(name).lower", &builder)
            y = concat([y, resized(last, like: y, name: "\(name).resized", &builder)], name: "\(name).concat", &builder)
        }
        let total = blockCount(network)
        if (1..<scales[network]).contains(where: { number == $0 * total / scales[network] }) {
            y = convNormRelu(y, max(1, Int(reduction * Double(y.channels))), kernel: 1, name: "\(name).transition", &builder)
        }
        return Block(layers: outputs, output: y)
    }

    /// One dense layer: what is there, new channels from the sub-network before, and new channels of its own.
    private func append(
        layer name: String, of network: Int, to x: Map, lower: Map?, halves: Bool, _ builder: inout GraphBuilder
    ) -> Map {
        let new = growth * growthFactors[network]
        let own = new - (lower == nil ? 0 : share(new))
        let y = dense(x, own, stride: halves ? 2 : 1, factor: bottleneckFactors[network], name: "\(name).normal", &builder)
        guard let lower else { return concat([x, y], name: "\(name).concat", &builder) }
        let up = dense(lower, new - own, stride: 1, factor: bottleneckFactors[network - 1], name: "\(name).up", &builder)
        return concat(
            [resized(x, like: y, name: "\(name).kept", &builder), resized(up, like: y, name: "\(name).resized", &builder), y],
            name: "\(name).concat", &builder)
    }

    /// Bottleneck 1x1, then 3x3.
    private func dense(_ x: Map, _ out: Int, stride: Int, factor: Int, name: String, _ builder: inout GraphBuilder) -> Map {
        let narrow = convNormRelu(x, min(x.channels, factor * out), kernel: 1, name: "\(name).reduce", &builder)
        return convNormRelu(narrow, out, kernel: 3, stride: stride, name: name, &builder)
    }

    private func head(_ exit: Int, on x: Map, _ classes: Int, _ builder: inout GraphBuilder) {
        builder.block = "exit\(exit)"
        let channels = headChannels ?? x.channels
        var y = convNormRelu(x, channels, kernel: 3, stride: 2, name: "exit\(exit).conv0", &builder)
        y = convNormRelu(y, channels, kernel: 3, stride: 2, name: "exit\(exit).conv1", &builder)
        let pool = builder.append(.averagePool(Pool2D(kernel: 2, stride: 2)), [y.node], name: "exit\(exit).pool")
        let flat = builder.append(.flatten, [pool], name: "exit\(exit).flatten")
        builder.exit(builder.append(.linear(Linear(outFeatures: classes)), [flat], name: "exit\(exit).linear"), name: "exit\(exit)")
    }

    // MARK: - Nodes with their shapes

    private func half(_ side: Int) -> Int { (side + 1) / 2 }

    private func convNormRelu(
        _ x: Map, _ out: Int, kernel: Int, stride: Int = 1, name: String, _ builder: inout GraphBuilder
    ) -> Map {
        Map(
            node: builder.convNormRelu(x.node, out, kernel: kernel, stride: stride, padding: kernel / 2, name: name), channels: out,
            height: stride == 2 ? half(x.height) : x.height, width: stride == 2 ? half(x.width) : x.width)
    }

    /// The map itself where it already has the size.
    private func resized(_ x: Map, like y: Map, name: String, _ builder: inout GraphBuilder) -> Map {
        if x.height == y.height, x.width == y.width { return x }
        let resize = Resize(height: y.height, width: y.width, alignsCorners: true)
        return Map(
            node: builder.append(.resize(resize), [x.node], name: name), channels: x.channels, height: y.height, width: y.width)
    }

    private func concat(_ parts: [Map], name: String, _ builder: inout GraphBuilder) -> Map {
        Map(
            node: builder.append(.concat, parts.map(\.node), name: name), channels: parts.reduce(0) { $0 + $1.channels },
            height: parts[0].height, width: parts[0].width)
    }
}

extension RANetConfiguration {
    private enum Key: String, CodingKey, CaseIterable {
        case scales, blocks, blockStep, step, stepMode, channels, growth, growthFactors, bottleneckFactors, reduction, compression, stem
        case headChannels
    }

    /// Every field may be left out and then has its default.
    public init(from decoder: Decoder) throws {
        try Architectures.refuseUnknownKeys(in: decoder, known: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        try container.read(.scales, into: &scales)
        try container.read(.blocks, into: &blocks)
        try container.read(.blockStep, into: &blockStep)
        try container.read(.step, into: &step)
        try container.read(.stepMode, into: &stepMode)
        try container.read(.channels, into: &channels)
        try container.read(.growth, into: &growth)
        try container.read(.growthFactors, into: &growthFactors)
        try container.read(.bottleneckFactors, into: &bottleneckFactors)
        try container.read(.reduction, into: &reduction)
        try container.read(.compression, into: &compression)
        try container.read(.stem, into: &stem)
        // Null means "as wide as the block before"; absence means the default.
        if container.contains(.headChannels) { headChannels = try container.decode(Int?.self, forKey: .headChannels) }
    }

    /// Written out because a missing `headChannels` would be read as the default.
    public func encode(to encoder: Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(scales, forKey: .scales)
        try container.encode(blocks, forKey: .blocks)
        try container.encode(blockStep, forKey: .blockStep)
        try container.encode(step, forKey: .step)
        try container.encode(stepMode, forKey: .stepMode)
        try container.encode(channels, forKey: .channels)
        try container.encode(growth, forKey: .growth)
        try container.encode(growthFactors, forKey: .growthFactors)
        try container.encode(bottleneckFactors, forKey: .bottleneckFactors)
        try container.encode(reduction, forKey: .reduction)
        try container.encode(compression, forKey: .compression)
        try container.encode(stem, forKey: .stem)
        try container.encode(headChannels, forKey: .headChannels)
    }
}
