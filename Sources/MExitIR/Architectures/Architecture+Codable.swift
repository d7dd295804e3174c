/// The JSON of an architecture: `{"family": "msdnet", "input": [3, 32, 32], "config": {...}}`; "input" may be left out.
extension Architecture: Codable {
    private enum Key: String, CodingKey, CaseIterable {
        case name, family, input, config
    }

    public init(from decoder: Decoder) throws {
        try Architectures.refuseUnknownKeys(in: decoder, known: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        let family = try container.decode(String.self, forKey: .family)
        let dimensions = try container.decodeIfPresent([Int].self, forKey: .input) ?? [3, 32, 32]
        let configuration: Configuration
        switch family {
        case "msdnet": configuration = .msdnet(try container.decodeIfPresent(MSDNetConfiguration.self, forKey: .config) ?? MSDNetConfiguration())
        default:
            throw GraphError(.unknownArchitecture, "no architecture family is named '\(family)'; there is msdnet")
        }
        self.init(
            name: try container.decodeIfPresent(String.self, forKey: .name) ?? "custom",
            defaultInput: try Shape(dimensions: dimensions), configuration: configuration)
    }

    public func encode(to encoder: Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(defaultInput.dimensions, forKey: .input)
        switch configuration {
        case .msdnet(let configuration):
            try container.encode("msdnet", forKey: .family)
            try container.encode(configuration, forKey: .config)
        }
    }
}

extension Architectures {
    private struct AnyKey: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// - Throws: ``GraphError`` when the object has a field that is not known.
    static func refuseUnknownKeys(in decoder: Decoder, known: [String]) throws {
        let found = try decoder.container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        if let unknown = found.sorted().first(where: { !known.contains($0) }) {
            throw GraphError(.badConfiguration, "the field '\(unknown)' is not known here; there are \(known.joined(separator: ", "))")
        }
    }
}
