/// Why a request got no answer. The process lives on.
struct RequestError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Part of the protocol: `docs/protocol.md` lists what each means.
    enum Code: String, Hashable, Sendable, CaseIterable {
        /// The line is not one JSON object.
        case badJSON = "bad_json"
        /// JSON, but not a request: a field is missing, unknown in value, or of the wrong type.
        case badRequest = "bad_request"
        /// The picture or tensor cannot be used.
        case badInput = "bad_input"
        /// The model has no such policy: an exit or operating point that is not there, thresholds that do not fit.
        case unknownPolicy = "unknown_policy"
        /// A line, a batch or a picture over its limit.
        case tooLarge = "too_large"
        /// A path that may not be read.
        case forbidden = "forbidden"
        /// A budget below what exit 0 costs.
        case budgetTooSmall = "budget_too_small"
        /// The server is full and told to refuse then.
        case overloaded = "overloaded"
        /// No exit would answer before the deadline, and the server is told to refuse then.
        case deadlineUnmet = "deadline_unmet"
        /// The model's numbers are not finite, or the server is at fault.
        case `internal` = "internal"
    }

    var code: Code
    var message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    var description: String { message }
}
