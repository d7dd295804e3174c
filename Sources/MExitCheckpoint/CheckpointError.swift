import MExitIR

/// Why a file cannot be loaded or saved.
///
/// The description is whole: `cannot load 'a.mexit': format version 3.0, this build reads up to 1.x; ...`.
public struct CheckpointError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of trouble it is; cases may be added.
    public struct Code: Hashable, Sendable {
        private enum Value { case io, notACheckpoint, truncated, damaged, unsupportedVersion, unsupportedFeature, wrongKind, malformed, badModel }
        private let value: Value
        /// The operating system refused: no such file, no permission, no space.
        public static let io = Code(value: .io)
        /// The file does not start as a `.mexit` file does.
        public static let notACheckpoint = Code(value: .notACheckpoint)
        /// The file ends before, or goes on behind, where its header says.
        public static let truncated = Code(value: .truncated)
        /// A checksum does not match: the bytes were altered.
        public static let damaged = Code(value: .damaged)
        /// The file is of a newer major version.
        public static let unsupportedVersion = Code(value: .unsupportedVersion)
        /// The file uses an operation, a codec or a kind of storage that this build does not know.
        public static let unsupportedFeature = Code(value: .unsupportedFeature)
        /// A training state where a model is wanted, or the reverse.
        public static let wrongKind = Code(value: .wrongKind)
        /// The bytes are as they were written, but break a rule of the format.
        public static let malformed = Code(value: .malformed)
        /// Graph, tensors or policies do not fit together.
        public static let badModel = Code(value: .badModel)
    }

    /// What was attempted.
    public enum Action: String, Hashable, Sendable { case load, save }

    public let code: Code
    /// What was seen, and the rule or the remedy.
    public let message: String
    public let action: Action
    /// nil for bytes in memory.
    public let path: String?

    public init(_ code: Code, _ message: String, action: Action = .load, path: String? = nil) {
        self.code = code
        self.message = message
        self.action = action
        self.path = path
    }

    public var description: String { "cannot \(action) \(path.map { "'\($0)'" } ?? "checkpoint"): \(message)" }

    /// The same trouble, told of a file.
    func at(_ path: String?, _ action: Action) -> CheckpointError {
        CheckpointError(code, message, action: action, path: path)
    }

    /// Runs `body`; whatever it throws becomes an error about this file.
    static func describing<Result>(_ path: String?, _ action: Action, _ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let error as CheckpointError {
            throw error.at(path, action)
        } catch let error as GraphError {
            throw CheckpointError(.badModel, error.message, action: action, path: path)
        } catch let error as ModelError {
            throw CheckpointError(.badModel, error.message, action: action, path: path)
        }
    }
}
