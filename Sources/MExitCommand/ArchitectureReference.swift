import ArgumentParser
import MExitCheckpoint
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

    /// What a recorded command says: the file's name without folders, the architecture's where a pipe has none.
    public func recorded(_ architecture: Architecture) -> String {
        if !isFile { return text }
        return isRegularFile(text) ? text.split(separator: "/").last.map(String.init) ?? text : "\(architecture.name).json"
    }

    /// - Throws: `GraphError` for an unknown preset or an impossible configuration, ``ArchitectureFileError`` for a file that
    ///   cannot be read or is no such JSON.
    public func load() throws -> Architecture {
        guard isFile else { return try Architectures.preset(named: text) }
        let data: Data
        do {
            data = Data(try wholeFile(text, maximumBytes: 1 << 26))
        } catch {
            throw ArchitectureFileError(path: text, problem: "it cannot be read (\(error.problem)); give a preset's name or a JSON file")
        }
        do {
            return try JSONDecoder().decode(Architecture.self, from: data)
        } catch let error as GraphError {
            throw ArchitectureFileError(path: text, problem: error.message)
        } catch let error as DecodingError {
            throw ArchitectureFileError(path: text, problem: ArchitectureReference.describe(error, in: data))
        }
    }

    private static func describe(_ error: DecodingError, in data: Data) -> String {
        func place(_ path: [any CodingKey]) -> String { path.isEmpty ? "" : " at \(path.dotted)" }
        // Foundation says "not valid JSON" of a number with a fraction too, where a field takes whole ones.
        if case .dataCorrupted(let context) = error, context.codingPath.isEmpty,
            let unwhole = try? JSONDecoder().decode(UnwholeNumbers.self, from: data).found, !unwhole.isEmpty
        {
            return "a field that takes whole numbers has another one, among \(unwhole.sorted().joined(separator: ", "))"
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

/// All numbers in a JSON text that no integer equals, each behind its place: "config.exits 6.5".
private struct UnwholeNumbers: Decodable {
    var found: [String] = []

    private struct Name: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        if let number = try? decoder.singleValueContainer().decode(Double.self) {
            if Int(exactly: number) == nil { found = ["\(decoder.codingPath.dotted) \(number)"] }
        } else if let object = try? decoder.container(keyedBy: Name.self) {
            found = try object.allKeys.flatMap { try object.decodeIfPresent(Self.self, forKey: $0)?.found ?? [] }
        } else if var array = try? decoder.unkeyedContainer() {
            while !array.isAtEnd { found += try array.decodeIfPresent(Self.self)?.found ?? [] }
        }
    }
}

extension [any CodingKey] {
    fileprivate var dotted: String { map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".") }
}

/// Why an architecture file cannot be used.
public struct ArchitectureFileError: Error, Hashable, Sendable, CustomStringConvertible {
    public let path: String
    public let problem: String
    public var description: String { "cannot load architecture '\(path)': \(problem)" }
}
