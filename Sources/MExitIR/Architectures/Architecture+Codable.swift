/// The JSON of an architecture: `{"family": "msdnet", "input": [3, 32, 32], "config": {...}}`; "input" may be left out.
extension Architecture: Codable {
    private enum Key: String, CodingKey, CaseIterable {
        case name, family, input, config
    }

    public init(from decoder: Decoder) throws {
        try Architectures.refuseUnknownKeys(in: decoder, known: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        let name = try container.decode(String.self, forKey: .family)
        let dimensions = try container.decodeIfPresent([Int].self, forKey: .input) ?? [3, 32, 32]
        guard let family = Architectures.families.first(where: { $0.family == name }) else {
            let known = Architectures.families.map { $0.family }.joined(separator: ", ")
            throw GraphError(.unknownArchitecture, "no architecture family is named '\(name)'; there are \(known)")
        }
        func configuration<Family: ArchitectureFamily>(_ family: Family.Type) throws -> any ArchitectureFamily {
            try container.decodeIfPresent(Family.self, forKey: .config) ?? Family()
        }
        self.init(
            name: try container.decodeIfPresent(String.self, forKey: .name) ?? "custom",
            defaultInput: try Shape(dimensions: dimensions), configuration: try configuration(family))
    }

    public func encode(to encoder: Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(name, forKey: .name)
        try container.encode(defaultInput.dimensions, forKey: .input)
        try container.encode(type(of: configuration).family, forKey: .family)
        try configuration.encode(to: container.superEncoder(forKey: .config))
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
