/// Why training cannot start or go on; the message names the thing, what was seen, and the rule or the remedy.
public struct TrainingError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure; cases may be added.
    public struct Code: Hashable, Sendable {
        private enum Value { case badOption, mismatch, diverged, notWritable, interrupted }
        private let value: Value
        /// A number outside its range.
        public static let badOption = Code(value: .badOption)
        /// Data and network do not fit together.
        public static let mismatch = Code(value: .mismatch)
        /// A loss, a gradient or a parameter is no longer finite.
        public static let diverged = Code(value: .diverged)
        /// The user wished it to end.
        public static let interrupted = Code(value: .interrupted)
        /// A file that training writes to cannot be written.
        public static let notWritable = Code(value: .notWritable)
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
