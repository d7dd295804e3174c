import ArgumentParser
import MExitIR

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// An architecture as the command line names it: a preset ("msdnet-tiny") or a JSON file ("net.json", "./net").
public struct ArchitectureReference: Hashable, Sendable, ExpressibleByArgument {
    public let text: String

    /// - Parameter text: a preset's name, or a path.
    public init(_ text: String) { self.text = text }

    public init?(argument: String) {
        guard !argument.isEmpty else { return nil }
        text = argument
    }

    public var defaultValueDescription: String { text }

    /// Whether the text names a file: it contains a slash or ends in `.json`.
    public var isFile: Bool { text.contains("/") || text.hasSuffix(".json") }

    /// - Throws: `GraphError` for an unknown preset or an impossible configuration, ``ArchitectureFileError`` for a file that
    ///   cannot be read or is no such JSON.
    public func load() throws -> Architecture {
        guard isFile else { return try Architectures.preset(named: text) }
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: text))
        } catch {
            throw ArchitectureFileError(path: text, problem: "it cannot be read; check the path and its permissions")
        }
        do {
            return try JSONDecoder().decode(Architecture.self, from: data)
        } catch let error as GraphError {
            throw ArchitectureFileError(path: text, problem: error.message)
        } catch let error as DecodingError {
            throw ArchitectureFileError(path: text, problem: ArchitectureReference.describe(error))
        }
    }

    private static func describe(_ error: DecodingError) -> String {
        func place(_ path: [any CodingKey]) -> String {
            path.isEmpty ? "" : " at \(path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: "."))"
        }
        switch error {
        case .keyNotFound(let key, let context):
            return "the field '\(key.stringValue)' is missing\(place(context.codingPath))"
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            return "\(context.debugDescription)\(place(context.codingPath))"
        @unknown default:
            return "\(error)"
        }
    }
}

/// Why an architecture file cannot be used.
public struct ArchitectureFileError: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    public let problem: String
    public var description: String { "cannot load architecture '\(path)': \(problem)" }
}
