/// A network that can be asked for by name, or that a JSON file describes.
public struct Architecture: Hashable, Sendable {
    /// The preset's name, or "custom".
    public var name: String
    /// The usual input, `[C, H, W]`.
    public var defaultInput: Shape
    public var configuration: Configuration

    public enum Configuration: Hashable, Sendable {
        case msdnet(MSDNetConfiguration)
    }

    public init(name: String, defaultInput: Shape, configuration: Configuration) {
        self.name = name
        self.defaultInput = defaultInput
        self.configuration = configuration
    }

    /// Builds the graph.
    ///
    /// - Parameters:
    ///   - classes: at least 1.
    ///   - input: `[C, H, W]`; nil for ``defaultInput``.
    /// - Throws: ``GraphError`` when the configuration is impossible or does not fit the input.
    public func graph(classes: Int, input: Shape? = nil) throws -> Graph {
        guard classes >= 1 else {
            throw GraphError(.badConfiguration, "\(name): \(classes) classes; a classifier needs at least one")
        }
        switch configuration {
        case .msdnet(let configuration): return try configuration.graph(input: input ?? defaultInput, classes: classes)
        }
    }
}

/// The register of presets. A new one is one line here.
public enum Architectures {
    public static let presets: [Architecture] = [
        msdnet("msdnet-cifar-7") { _ in },
        msdnet("msdnet-cifar-5") {
            $0.exits = 5
            $0.base = 1
            $0.step = 1
            $0.stepMode = .linearGrowth
        },
        msdnet("msdnet-tiny") {
            $0.exits = 5
            $0.base = 2
            $0.step = 1
            $0.headChannels = 64
        },
        msdnet("msdnet-imagenet-step4", input: .map(channels: 3, height: 224, width: 224)) {
            $0.exits = 5
            $0.step = 4
            $0.channels = 32
            $0.growth = 16
            $0.growthFactors = [1, 2, 4, 4]
            $0.bottleneckFactors = [1, 2, 4, 4]
            $0.stem = .imageNet
            $0.headChannels = nil
        },
    ]

    /// - Throws: ``GraphError`` naming the presets there are.
    public static func preset(named name: String) throws -> Architecture {
        guard let preset = presets.first(where: { $0.name == name }) else {
            throw GraphError(
                .unknownArchitecture,
                "no architecture is named '\(name)'; presets are \(presets.map(\.name).joined(separator: ", ")), or give a JSON file")
        }
        return preset
    }

    private static func msdnet(
        _ name: String, input: Shape = .map(channels: 3, height: 32, width: 32), _ change: (inout MSDNetConfiguration) -> Void
    ) -> Architecture {
        var configuration = MSDNetConfiguration()
        change(&configuration)
        return Architecture(name: name, defaultInput: input, configuration: .msdnet(configuration))
    }
}
