import ArgumentParser
import MExitIR

/// A shape on the command line: `3x32x32`, or `784`.
public struct ShapeArgument: ExpressibleByArgument, Hashable, Sendable {
    public var shape: Shape

    public init?(argument: String) {
        let parts = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        let dimensions = parts.compactMap { $0 }
        guard dimensions.count == parts.count, let shape = try? Shape(dimensions: dimensions) else { return nil }
        self.shape = shape
    }

    public var defaultValueDescription: String { "\(shape)" }
}

/// Exit indices on the command line: `3`, or `1,3,6`, ascending.
public struct ExitsArgument: ExpressibleByArgument, Hashable, Sendable {
    public var indices: [Int]

    public init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        indices = parts.compactMap { $0 }
        guard indices.count == parts.count, indices.allSatisfy({ $0 >= 0 }), zip(indices, indices.dropFirst()).allSatisfy(<) else { return nil }
    }

    public var defaultValueDescription: String { indices.map(String.init).joined(separator: ",") }
}
