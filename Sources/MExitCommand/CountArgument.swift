import ArgumentParser

/// A whole number on the command line, with an optional decimal suffix: `64`, `5k`. Negative ones are left to be refused by name.
public struct CountArgument: ExpressibleByArgument, Hashable, Sendable, CustomStringConvertible {
    public var value: Int

    public init(_ value: Int) { self.value = value }

    public init?(argument: String) {
        guard let value = Int(argument) ?? SINumber(argument: argument).flatMap({ Int(exactly: $0.value) }) else { return nil }
        self.value = value
    }

    public var description: String { "\(value)" }
    public var defaultValueDescription: String { description }
}
