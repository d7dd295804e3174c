import ArgumentParser

/// A number with an optional decimal suffix, as on the command line: `20M`, `1.5G`, `300k`, `2e6`, `1000`.
///
/// Suffixes: `k` (also `K`) 10^3, `M` 10^6, `G` 10^9, `T` 10^12. Only finite numbers of 0 or more are accepted.
public struct SINumber: Hashable, Sendable, ExpressibleByArgument {
    public var value: Double

    public init(_ value: Double) { self.value = value }

    /// nil when the text is not such a number.
    public init?(argument: String) {
        var digits = Substring(argument)
        var scale = 1.0
        switch digits.last {
        case "k", "K": scale = 1e3
        case "M": scale = 1e6
        case "G": scale = 1e9
        case "T": scale = 1e12
        default: break
        }
        if scale != 1 { digits.removeLast() }
        // Swift's own parser also knows "inf", "nan" and hexadecimal: nobody means those here.
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.isNumber || ".eE+-".contains($0)) }),
            let number = Double(digits), (number * scale).isFinite, number >= 0
        else { return nil }
        value = number * scale
    }

    /// The value with the suffix that leaves 1 to 3 digits before the point: `75.5M`.
    ///
    /// - Parameter digits: digits behind the point, for values that carry a suffix; whole numbers below 1000 have none.
    public static func format(_ value: Double, digits: Int = 1) -> String {
        for (scale, suffix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] where value.magnitude >= scale {
            return fixed(value / scale, digits: digits) + suffix
        }
        return value == value.rounded() ? fixed(value, digits: 0) : fixed(value, digits: digits)
    }

    public static func format(_ value: Int, digits: Int = 1) -> String { format(Double(value), digits: digits) }

    /// Decimal notation with a fixed number of digits behind the point, ties to even; no locale, no Foundation.
    public static func fixed(_ value: Double, digits: Int) -> String {
        guard value.isFinite else { return "\(value)" }
        var scale = 1.0
        for _ in 0..<max(0, digits) { scale *= 10 }
        let scaled = (value.magnitude * scale).rounded(.toNearestOrEven)
        guard scaled < 9e18 else { return "\(value)" }
        let number = UInt64(scaled)
        let sign = value < 0 && number > 0 ? "-" : ""
        guard digits > 0 else { return sign + String(number) }
        let unit = UInt64(scale)
        let fraction = String(number % unit)
        return "\(sign)\(number / unit)." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    public var defaultValueDescription: String { SINumber.format(value) }
}
