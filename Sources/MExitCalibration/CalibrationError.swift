/// What cannot be calibrated, or a wish that cannot be met; the message names the nearest possible one.
public struct CalibrationError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}
