import Foundation
import MExitIR

extension Architecture {
    /// What `--arch` means: a preset's name, or a JSON file (a name with a `/` or that ends in `.json`).
    ///
    /// - Throws: ``ArgumentError`` when the file cannot be read or is no architecture; ``GraphError`` when no preset has the
    ///   name.
    public init(argument: String) throws {
        guard argument.contains("/") || argument.hasSuffix(".json") else {
            self = try Architectures.preset(named: argument)
            return
        }
        let data: Data
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: argument))
        } catch {
            throw ArgumentError("cannot load architecture '\(argument)': \((error as NSError).localizedDescription)")
        }
        do {
            self = try JSONDecoder().decode(Architecture.self, from: data)
        } catch {
            throw ArgumentError("cannot load architecture '\(argument)': \(describe(error))")
        }
    }
}

/// An argument that is well formed and yet cannot be used.
public struct ArgumentError: Error, CustomStringConvertible, Sendable {
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}

/// Foundation's decoding errors, in a line that names the field.
private func describe(_ error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
        path.isEmpty ? "" : "field '\(path.map(\.stringValue).joined(separator: "."))': "
    }
    return switch error {
    case DecodingError.keyNotFound(let key, let context): "\(place(context.codingPath))'\(key.stringValue)' is missing"
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
        "\(place(context.codingPath))\(context.debugDescription)"
    case DecodingError.dataCorrupted(let context):
        context.codingPath.isEmpty ? "it is not valid JSON" : "\(place(context.codingPath))\(context.debugDescription)"
    default: "\(error)"
    }
}
