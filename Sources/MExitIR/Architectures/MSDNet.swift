/// Multi-Scale Dense Network: dense layers at several scales side by side, classifiers on the coarsest.
///
/// Defaults are those of the published networks for 32x32 images.
/// - Source: Huang et al., Multi-Scale Dense Networks for Resource Efficient Image Classification, ICLR 2018
///   (arXiv:1703.09844), built as in the authors' PyTorch code.
public struct MSDNetConfiguration: ArchitectureFamily {
    public static let family = "msdnet"

    public enum StepMode: String, Hashable, Sendable, Codable {
        /// `step` layers between exits.
        case even
        /// `step * k + 1` layers before exit k.
        case linearGrowth
    }

    public enum Stem: String, Hashable, Sendable, Codable {
        /// One 3x3 convolution at full resolution.
        case cifar
        /// 7x7 with stride 2, then 3x3 max pooling with stride 2.
        case imageNet
    }

    /// Number of classifiers.
    public var exits = 7
    /// Layers before the first exit.
    public var base = 4
    public var step = 2
    public var stepMode = StepMode.even
    /// Channels of the stem at the finest scale.
    public var channels = 16
    /// New channels per layer at the finest scale.
    public var growth = 6
    /// Factor on channels and growth per scale; its length is the number of scales.
    public var growthFactors = [1, 2, 4]
    /// Width limit of the 1x1 bottleneck per scale, in multiples of the convolution's output channels.
    public var bottleneckFactors = [1, 2, 4]
    public var bottleneck = true
    /// Drop the finest scale after every ceil(layers / scales) layers (`prune=max`).
    public var dropsScales = true
    /// What the transition behind a dropped scale leaves of the channels.
    public var reduction: Double = 0.5
    public var stem = Stem.cifar
    /// Channels of the classifiers' two convolutions; nil for as many as the coarsest scale has.
    public var headChannels: Int? = 128
    /// Classifiers whose logits each exit adds up: its own and, as far as there are any, the `ensemble - 1` before it; 1 for its
    /// own alone. Costs no multiply-adds: a sample that comes to an exit has the earlier classifiers behind it. A plan that
    /// leaves earlier exits out needs their classifiers all the same.
    /// - Source: Yu et al., Boosted Dynamic Neural Networks, AAAI 2023 (arXiv:2211.16726), there with all classifiers before it.
    public var ensemble = 1

    public init() {}

    var scales: Int { growthFactors.count }

    /// Layers before each exit, counted from the exit before.
    var layersPerExit: [Int] {
        (0..<exits).map { $0 == 0 ? base : stepMode == .even ? step : step * $0 + 1 }
    }
}

extension MSDNetConfiguration {
    /// - Throws: ``GraphError`` when the numbers are impossible or a scale would fall below 1x1.
    public func graph(input: Shape, classes: Int) throws -> Graph {
        try check()
        var builder = GraphBuilder(input: input)
        var state = stem(&builder)
        let total = layersPerExit.reduce(0, +)
        var layer = 0
        var classifiers: [Int] = []
        for (exit, count) in layersPerExit.enumerated() {
            for _ in 0..<count {
                layer += 1
                append(layer: layer, of: total, to: &state, &builder)
            }
            classifiers.append(
                classifier(exit, on: state.scales[scales - 1] ?? 0, width: state.width * growthFactors[scales - 1], classes, &builder))
            let summed = Array(classifiers.suffix(ensemble))
            builder.exit(summed.count == 1 ? summed[0] : builder.append(.add, summed, name: "exit\(exit).sum"), name: "exit\(exit)")
        }
        return try builder.build()
    }

    /// The current output of each scale (nil once dropped) and the channels at factor 1.
    private struct State {
        var scales: [Int?]
        var width: Int
    }

    private func check() throws {
        func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
            try Self.require(condition, message())
        }
        try require((1...256).contains(exits), "exits is \(exits); it must be 1 ... 256")
        try require((1...256).contains(base) && (1...256).contains(step), "base \(base) and step \(step) must be 1 ... 256")
        let layers = layersPerExit.reduce(0, +)
        try require(layers <= 4096, "\(layers) layers; at most 4096")
        try require((1...4096).contains(channels) && (1...4096).contains(growth), "channels \(channels) and growth \(growth) must be 1 ... 4096")
        try require((1...8).contains(scales), "\(scales) scales (the length of growthFactors); 1 ... 8 are possible")
        try require(bottleneckFactors.count == scales, "\(bottleneckFactors.count) bottleneckFactors for \(scales) scales; give one each")
        try require((growthFactors + bottleneckFactors).allSatisfy((1...64).contains), "growthFactors \(growthFactors) and bottleneckFactors \(bottleneckFactors) must be 1 ... 64")
        try require(zip(growthFactors, growthFactors.dropFirst()).allSatisfy(<=), "growthFactors \(growthFactors) must not fall")
        // A coarser scale gets half of its new channels from the finer one.
        for factor in growthFactors.dropFirst() {
            try require(growth * factor >= 2, "growth \(growth) x \(factor) leaves less than one channel for each of the two paths of a coarser scale")
        }
        try require(reduction > 0 && reduction <= 1, "reduction is \(reduction); it must be above 0 and at most 1")
        try require((1...65536).contains(headChannels ?? 1), "headChannels is \(headChannels ?? 0); it must be at least 1")
        try require((1...256).contains(ensemble), "ensemble is \(ensemble); it must be 1 ... 256")
    }

    private func stem(_ builder: inout GraphBuilder) -> State {
        builder.block = "stem"
        var x = builder.input
        var outputs: [Int?] = []
        for (scale, factor) in growthFactors.enumerated() {
            let name = "stem.scale\(scale)"
            switch (scale, stem) {
            case (0, .cifar):
                x = builder.convNormRelu(x, channels * factor, kernel: 3, padding: 1, name: name)
            case (0, .imageNet):
                let conv = Conv2D(outChannels: channels * factor, kernel: 7, stride: 2, padding: 3, hasBias: true)
                x = builder.append(.conv2d(conv), [x], name: "\(name).conv")
                x = builder.append(.batchNorm(epsilon: 1e-5), [x], name: "\(name).norm")
                x = builder.append(.activation(.relu), [x], name: "\(name).relu")
                x = builder.append(.maxPool(Pool2D(kernel: 3, stride: 2, padding: 1)), [x], name: "\(name).pool")
            default:
                x = builder.convNormRelu(x, channels * factor, kernel: 3, stride: 2, padding: 1, name: name)
            }
            outputs.append(x)
        }
        return State(scales: outputs, width: channels)
    }

    /// One dense layer at every scale that is left; `layer` counts from 1.
    private func append(layer: Int, of total: Int, to state: inout State, _ builder: inout GraphBuilder) {
        builder.block = "layer\(layer)"
        let interval = (total + scales - 1) / scales
        let firstScale = dropsScales ? (layer - 1) / interval : 0
        let previousFirst = dropsScales ? max(0, layer - 2) / interval : 0
        var outputs = [Int?](repeating: nil, count: scales)
        for scale in firstScale..<scales {
            guard let x = state.scales[scale] else { continue }
            let name = "layer\(layer).scale\(scale)"
            let new = growth * growthFactors[scale]
            var parts = [x]
            if scale > 0, scale > previousFirst || firstScale > previousFirst, let finer = state.scales[scale - 1] {
                parts.append(dense(finer, new / 2, stride: 2, factor: bottleneckFactors[scale - 1], from: state.width * growthFactors[scale - 1], "\(name).down", &builder))
                parts.append(dense(x, new / 2, stride: 1, factor: bottleneckFactors[scale], from: state.width * growthFactors[scale], "\(name).normal", &builder))
            } else {
                parts.append(dense(x, new, stride: 1, factor: bottleneckFactors[scale], from: state.width * growthFactors[scale], "\(name).normal", &builder))
            }
            outputs[scale] = builder.append(.concat, parts, name: "\(name).concat")
        }
        state.scales = outputs
        state.width += growth
        if firstScale > previousFirst { transition(behind: layer, firstScale, &state, &builder) }
    }

    /// Bottleneck 1x1, then 3x3.
    private func dense(
        _ x: Int, _ out: Int, stride: Int, factor: Int, from width: Int, _ name: String, _ builder: inout GraphBuilder
    ) -> Int {
        var x = x
        if bottleneck { x = builder.convNormRelu(x, min(width, factor * out), kernel: 1, name: "\(name).reduce") }
        return builder.convNormRelu(x, out, kernel: 3, stride: stride, padding: 1, name: name)
    }

    private func transition(behind layer: Int, _ firstScale: Int, _ state: inout State, _ builder: inout GraphBuilder) {
        builder.block = "transition\(layer)"
        let width = max(1, Int(reduction * Double(state.width)))
        for scale in firstScale..<scales {
            guard let x = state.scales[scale] else { continue }
            state.scales[scale] = builder.convNormRelu(
                x, width * growthFactors[scale], kernel: 1, name: "transition\(layer).scale\(scale)")
        }
        state.width = width
    }

    /// - Returns: The node of the classifier's logits.
    private func classifier(_ exit: Int, on x: Int, width: Int, _ classes: Int, _ builder: inout GraphBuilder) -> Int {
        builder.block = "exit\(exit)"
        let channels = headChannels ?? width
        var x = builder.convNormRelu(x, channels, kernel: 3, stride: 2, padding: 1, name: "exit\(exit).conv0")
        x = builder.convNormRelu(x, channels, kernel: 3, stride: 2, padding: 1, name: "exit\(exit).conv1")
        x = builder.append(.averagePool(Pool2D(kernel: 2, stride: 2)), [x], name: "exit\(exit).pool")
        x = builder.append(.flatten, [x], name: "exit\(exit).flatten")
        return builder.append(.linear(Linear(outFeatures: classes)), [x], name: "exit\(exit).linear")
    }
}
