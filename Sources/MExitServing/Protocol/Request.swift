import MExitRuntime

/// What a request asks, apart from how it was written on the wire.
enum Request: Sendable {
    case classify(Source, ClassifyRequest)
    case batch([Source], BatchRequest)
    case stats
    case model
    /// Sets the default policy; nil asks for it.
    case policy(PolicySource?)
}

/// A policy as it was asked for. Asked again when another model is loaded: what "one threshold for all exits" or the name of
/// an operating point mean depends on the model.
public typealias PolicySource = @Sendable (CompiledModel) throws -> ExitPolicy

/// Bytes in a request.
enum Payload: Sendable {
    case bytes(ArraySlice<UInt8>)
    case base64(ArraySlice<UInt8>)
}

/// Where one sample comes from.
enum Source: Sendable {
    /// A JPEG or PNG.
    case image(Payload)
    /// A JPEG or PNG file below the allowed folder.
    case path(String)
    /// Numbers, little-endian, in the order of the model's input.
    case tensor(Payload, TensorKind)
}

enum TensorKind: String, Sendable, CaseIterable {
    /// Bytes, normalised as a picture's.
    case u8
    /// Numbers that are taken as they are.
    case f32
}

/// What is written of an answer.
struct AnswerOptions: Hashable, Sendable {
    /// The most probable classes to list; 0 for none.
    var topK = 0
    var logits = false
}

/// How one sample is answered.
struct ClassifyRequest: Sendable {
    var policy: CheckedPolicy
    var options = AnswerOptions()
    /// Nanoseconds from when the request was read.
    var deadline: Int64?
    /// An answer for every exit, not only the last.
    var anytime = false
}

/// How several samples are answered together.
struct BatchRequest: Sendable {
    enum Mode: Hashable, Sendable {
        /// Each sample leaves by the policy; what was spent is reported beside the budget, if one is named.
        case threshold
        /// Never more multiply-adds than the budget, over all samples.
        case exact
    }

    var policy: CheckedPolicy
    var options = AnswerOptions()
    var mode: Mode
    /// In multiply-adds; present in exact mode.
    var budgetMACs: Int?
}

/// A request's name as it stands on the wire, echoed as it came (in ndjson the JSON text of a string or number); nil where
/// the request has none.
struct RequestID: Hashable, Sendable {
    var wire: [UInt8]?

    static let none = RequestID(wire: nil)
    /// Bytes that an id may have, since it is kept and echoed.
    static let maximumBytes = 1024
}
