/// Residual network with internal classifiers.
///
/// Defaults are those of ResNet-56 for 32x32 images with the six internal classifiers of shallow-deep networks. Where a block
/// changes the map's shape its shortcut is a 1x1 convolution with a norm ("option B").
///
/// - Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv:1512.03385); the stride of a bottleneck
///   stands at its 3x3 convolution, as in torchvision.
public struct ResNetConfiguration: ArchitectureFamily {
    public enum Block: String, Hashable, Sendable, Codable {
        /// Two 3x3 convolutions.
        case basic
        /// 1x1, 3x3, and 1x1 to four times the width.
        case bottleneck
    }

    public enum Stem: String, Hashable, Sendable, Codable {
        /// One 3x3 convolution at full resolution.
        case cifar
        /// 7x7 with stride 2, then 3x3 max pooling with stride 2.
        case imageNet
    }

    public static let family = "resnet"

    /// Blocks per stage; every stage but the first halves the resolution.
    public var depths = [9, 9, 9]
    /// Channels per stage, before a bottleneck's factor of 4.
    public var widths = [16, 32, 64]
    public var block = Block.basic
    public var stem = Stem.cifar
    public var exits = InternalClassifiers()

    public init() {}

    public static let presets: [Architecture] = [3, 5, 9, 18].map { depth in
        preset("resnet-\(6 * depth + 2)") { $0.depths = [depth, depth, depth] }
    } + [("resnet-18", [2, 2, 2, 2], Block.basic), ("resnet-34", [3, 4, 6, 3], .basic), ("resnet-50", [3, 4, 6, 3], .bottleneck)].map { name, depths, block in
        preset(name, input: .map(channels: 3, height: 224, width: 224)) {
            $0.depths = depths
            $0.widths = [64, 128, 256, 512]
            $0.block = block
            $0.stem = .imageNet
            // At 224x224 a block is a large part of the network: classifiers stand between stages' halves.
            $0.exits = InternalClassifiers(shares: [0.25, 0.5, 0.75], size: 2)
        }
    }

    public func graph(input: Shape, classes: Int) throws -> Graph {
        try Self.require(!depths.isEmpty && depths.count <= 8 && depths.count == widths.count, "\(depths.count) depths and \(widths.count) widths; give as many of each, 1 ... 8")
        try Self.require(depths.allSatisfy((1...1024).contains), "depths \(depths) must be 1 ... 1024")
        try Self.require(widths.allSatisfy((1...4096).contains), "widths \(widths) must be 1 ... 4096")
        var blocks: [(name: String, append: BlockChain.Part)] = [("stem", appendStem)]
        var channels = widths[0]
        for (stage, depth) in depths.enumerated() {
            for number in 0..<depth {
                let name = "stage\(stage).block\(number)"
                let stride = stage > 0 && number == 0 ? 2 : 1
                let out = widths[stage] * (block == .bottleneck ? 4 : 1)
                let needsProjection = stride != 1 || channels != out
                blocks.append((name, { append(&$0, $1, name: name, width: widths[stage], stride: stride, projects: needsProjection) }))
                channels = out
            }
        }
        let chain = BlockChain(family: Self.family, blocks: blocks) { builder, x in
            let pooled = builder.append(.globalAveragePool, [x], name: "head.pool")
            let flat = builder.append(.flatten, [pooled], name: "head.flatten")
            return builder.append(.linear(Linear(outFeatures: classes)), [flat], name: "head.linear")
        }
        return try chain.graph(input: input, classes: classes, exits: exits)
    }

    private func appendStem(_ builder: inout GraphBuilder, _ x: Int) -> Int {
        switch stem {
        case .cifar: return builder.convNormRelu(x, widths[0], kernel: 3, padding: 1, name: "stem")
        case .imageNet:
            let y = builder.convNormRelu(x, widths[0], kernel: 7, stride: 2, padding: 3, name: "stem")
            return builder.append(.maxPool(Pool2D(kernel: 3, stride: 2, padding: 1)), [y], name: "stem.pool")
        }
    }

    private func append(_ builder: inout GraphBuilder, _ x: Int, name: String, width: Int, stride: Int, projects: Bool) -> Int {
        var y: Int
        let out: Int
        switch block {
        case .basic:
            out = width
            y = builder.convNormRelu(x, width, kernel: 3, stride: stride, padding: 1, name: "\(name).a")
            y = builder.convNorm(y, out, kernel: 3, padding: 1, name: "\(name).b")
        case .bottleneck:
            out = 4 * width
            y = builder.convNormRelu(x, width, kernel: 1, name: "\(name).a")
            y = builder.convNormRelu(y, width, kernel: 3, stride: stride, padding: 1, name: "\(name).b")
            y = builder.convNorm(y, out, kernel: 1, name: "\(name).c")
        }
        let shortcut = projects ? builder.convNorm(x, out, kernel: 1, stride: stride, name: "\(name).shortcut") : x
        let sum = builder.append(.add, [y, shortcut], name: "\(name).add")
        return builder.append(.activation(.relu), [sum], name: "\(name).relu")
    }
}

extension ResNetConfiguration {
    private enum Key: String, CodingKey, CaseIterable { case depths, widths, block, stem, exits }

    public init(from decoder: Decoder) throws {
        try Architectures.refuseUnknownKeys(in: decoder, known: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        try container.read(.depths, into: &depths)
        try container.read(.widths, into: &widths)
        try container.read(.block, into: &block)
        try container.read(.stem, into: &stem)
        try container.read(.exits, into: &exits)
    }
}
