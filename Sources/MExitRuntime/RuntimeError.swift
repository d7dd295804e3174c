/// What went wrong when a model was compiled or run; the message names the thing, what was seen, and the rule or remedy.
public struct RuntimeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of error it is; cases may be added.
    public struct Code: Hashable, Sendable {
        private enum Value { case badInput, badPolicy, badModel, badUse, badBudget }
        private let value: Value
        /// An input of the wrong size, or with values that are not finite.
        public static let badInput = Code(value: .badInput)
        /// A policy that does not fit the model's exits.
        public static let badPolicy = Code(value: .badPolicy)
        /// A model that cannot be compiled.
        public static let badModel = Code(value: .badModel)
        /// A budget that is negative or does not pay what has to be run.
        public static let badBudget = Code(value: .badBudget)
        /// A call that the context's state does not allow.
        public static let badUse = Code(value: .badUse)
    }

    /// What kind of error it is.
    public let code: Code
    /// What could not be done to which thing: the value seen; the rule or the remedy.
    public let message: String

    /// An error of a caller's own, from the closures that the runtime calls.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// ``message``.
    public var description: String { message }
}
