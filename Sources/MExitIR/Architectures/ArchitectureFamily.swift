/// A kind of network that is built from a description: its configuration, which presets and JSON files hold.
///
/// Adding one is one file that conforms and one line in ``Architectures/families`` (docs/adding-an-architecture.md).
public protocol ArchitectureFamily: Hashable, Sendable, Codable {
    /// What JSON files call it.
    static var family: String { get }
    /// Networks that can be asked for by name.
    static var presets: [Architecture] { get }
    /// The configuration with every default.
    init()
    /// - Parameter input: `[C, H, W]`.
    /// - Throws: ``GraphError`` when the numbers are impossible or do not fit the input.
    func graph(input: Shape, classes: Int) throws -> Graph
}

extension ArchitectureFamily {
    /// A preset: the defaults, changed.
    static func preset(
        _ name: String, input: Shape = .map(channels: 3, height: 32, width: 32), _ change: (inout Self) -> Void = { _ in }
    ) -> Architecture {
        var configuration = Self()
        change(&configuration)
        return Architecture(name: name, defaultInput: input, configuration: configuration)
    }

    /// - Throws: ``GraphError`` naming the family, unless the condition holds.
    static func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
        if !condition { throw GraphError(.badConfiguration, "\(family): \(message())") }
    }
}

extension KeyedDecodingContainer {
    /// Leaves the default where the field is absent.
    func read<Value: Decodable>(_ key: Key, into value: inout Value) throws {
        if let found = try decodeIfPresent(Value.self, forKey: key) { value = found }
    }
}
