import ArgumentParser

/// A whole number on the command line, with an optional decimal suffix: `64`, `5k`. Negative ones are left to be refused by name.
public struct CountArgument: ExpressibleByArgument, Hashable, Sendable, CustomStringConvertible {
    public var value: Int

    public init(_ value: Int) { self.value = value }

    public init?(argument: String) {
        if let value = Int(argument) {
            self.value = value
        } else {
            // Decimal fractions of a thousand are whole but for rounding.
            guard let number = SINumber(argument: argument)?.value, abs(number - number.rounded()) <= 1e-9 * number, let value = Int(exactly: number.rounded())
            else { return nil }
            self.value = value
        }
    }

    public var description: String { "\(value)" }
    public var defaultValueDescription: String { description }
}
