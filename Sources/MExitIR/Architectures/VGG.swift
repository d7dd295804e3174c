/// VGG with batch norm and internal classifiers.
///
/// Defaults are those of VGG-16 for 32x32 images, with the six internal classifiers of shallow-deep networks. Convolutions have
/// no bias, since a batch norm follows each.
///
/// - Source: Simonyan & Zisserman, Very Deep Convolutional Networks, ICLR 2015 (arXiv:1409.1556).
public struct VGGConfiguration: ArchitectureFamily {
    public static let family = "vgg"

    /// 3x3 convolutions per stage; a 2x2 max pooling ends each stage.
    public var depths = [2, 2, 3, 3, 3]
    /// Channels per stage.
    public var widths = [64, 128, 256, 512, 512]
    /// Widths of the linear layers before the last, each with a ReLU behind it.
    public var hidden: [Int] = []
    public var exits = InternalClassifiers()

    public init() {}

    public static let presets: [Architecture] = [
        preset("vgg-16"),
        preset("vgg-16-imagenet", input: .map(channels: 3, height: 224, width: 224)) { $0.hidden = [4096, 4096] },
    ]

    public func graph(input: Shape, classes: Int) throws -> Graph {
        try Self.require(!depths.isEmpty && depths.count <= 8 && depths.count == widths.count, "\(depths.count) depths and \(widths.count) widths; give as many of each, 1 ... 8")
        try Self.require(depths.allSatisfy((1...256).contains), "depths \(depths) must be 1 ... 256")
        try Self.require((widths + hidden).allSatisfy((1...65536).contains), "widths \(widths) and hidden \(hidden) must be 1 ... 65536")
        try Self.require(hidden.count <= 8, "\(hidden.count) hidden layers; at most 8")
        var blocks: [(name: String, append: BlockChain.Part)] = []
        for (stage, depth) in depths.enumerated() {
            for number in 0..<depth {
                let name = "stage\(stage).conv\(number)"
                blocks.append((name, { builder, x in
                    let y = builder.convNormRelu(x, widths[stage], kernel: 3, padding: 1, name: name)
                    return number == depth - 1 ? builder.append(.maxPool(Pool2D(kernel: 2, stride: 2)), [y], name: "stage\(stage).pool") : y
                }))
            }
        }
        let chain = BlockChain(family: Self.family, blocks: blocks) { builder, x in
            var y = builder.append(.flatten, [x], name: "head.flatten")
            for (number, width) in hidden.enumerated() {
                y = builder.append(.linear(Linear(outFeatures: width)), [y], name: "head.hidden\(number)")
                y = builder.append(.activation(.relu), [y], name: "head.hidden\(number).relu")
            }
            return builder.append(.linear(Linear(outFeatures: classes)), [y], name: "head.linear")
        }
        return try chain.graph(input: input, classes: classes, exits: exits)
    }
}

extension VGGConfiguration {
    private enum Key: String, CodingKey, CaseIterable { case depths, widths, hidden, exits }

    public init(from decoder: Decoder) throws {
        try Architectures.refuseUnknownKeys(in: decoder, known: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        try container.read(.depths, into: &depths)
        try container.read(.widths, into: &widths)
        try container.read(.hidden, into: &hidden)
        try container.read(.exits, into: &exits)
    }
}
