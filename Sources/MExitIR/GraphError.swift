/// What is wrong with a graph, an architecture or its shapes.
///
/// The message names the node, what was seen, and the rule or the remedy.
public struct GraphError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of mistake it is; cases may be added.
    public struct Code: Hashable, Sendable {
        private enum Value { case badShape, badOperation, badEdge, badExit, badName, badConfiguration, unknownArchitecture }
        private let value: Value
        /// A value would have an impossible shape, or two shapes that must agree do not.
        public static let badShape = Code(value: .badShape)
        /// An operation's own numbers are impossible (a stride of 0, groups that do not divide).
        public static let badOperation = Code(value: .badOperation)
        /// A node reads a node that does not stand before it, or the wrong number of them.
        public static let badEdge = Code(value: .badEdge)
        /// The exits are missing, repeated, or not logits.
        public static let badExit = Code(value: .badExit)
        /// A name is empty or used twice.
        public static let badName = Code(value: .badName)
        /// An architecture's configuration cannot be built.
        public static let badConfiguration = Code(value: .badConfiguration)
        /// No architecture of that name is known.
        public static let unknownArchitecture = Code(value: .unknownArchitecture)
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
