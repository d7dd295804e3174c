/// A network that can be asked for by name, or that a JSON file describes.
public struct Architecture: Sendable {
    /// The preset's name, or "custom".
    public var name: String
    /// The usual input, `[C, H, W]`.
    public var defaultInput: Shape
    public var configuration: any ArchitectureFamily

    public init(name: String, defaultInput: Shape, configuration: any ArchitectureFamily) {
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
        return try configuration.graph(input: input ?? defaultInput, classes: classes)
    }
}

extension Architecture: Hashable {
    public static func == (a: Architecture, b: Architecture) -> Bool {
        a.name == b.name && a.defaultInput == b.defaultInput && AnyHashable(a.configuration) == AnyHashable(b.configuration)
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(defaultInput)
        hasher.combine(AnyHashable(configuration))
    }
}

/// The register of families. A new one is one line here.
public enum Architectures {
    public static let families: [any ArchitectureFamily.Type] = [
        MSDNetConfiguration.self,
        ResNetConfiguration.self,
        VGGConfiguration.self,
        RANetConfiguration.self,
        GraphConfiguration.self,
    ]

    /// All families' presets.
    public static let presets: [Architecture] = families.flatMap { $0.presets }

    /// - Throws: ``GraphError`` naming the presets there are.
    public static func preset(named name: String) throws -> Architecture {
        guard let preset = presets.first(where: { $0.name == name }) else {
            throw GraphError(
                .unknownArchitecture,
                "no architecture is named '\(name)'; presets are \(presets.map(\.name).joined(separator: ", ")), or give a JSON file")
        }
        return preset
    }
}
