import MExitRuntime

/// What the server says, apart from how it is written on the wire.
enum Response: Sendable {
    case ready(ServerDescription)
    case result(ResultResponse)
    case batch(BatchResponse)
    case error(RequestError, line: Int)
    case stats(Statistics.Snapshot)
    case model(ServerDescription)
    case policy(ExitPolicy)
}

/// One sample's answer.
struct SampleAnswer: Sendable {
    var answer: Answer
    /// For ``AnswerOptions/topK``.
    var temperature: Double
    var options: AnswerOptions
}

struct ResultResponse: Sendable {
    var sample: SampleAnswer
    /// Nanoseconds from when the request was read to when its first stage began, decoding included.
    var queueTime: Int64
    /// Nanoseconds that its stages took, those of other samples that ran with it included.
    var computeTime: Int64
    /// false for an anytime line that is followed by another.
    var isFinal: Bool
    /// Given behind its deadline; nil when it had none.
    var isLate: Bool?
}

struct BatchResponse: Sendable {
    var results: [Result<SampleAnswer, RequestError>]
    var mode: BatchRequest.Mode
    var budgetMACs: Int?
    var macs: Int
    var macsSaved: Int
    var queueTime: Int64
    /// From its first stage to the end of its last, other requests' stages in between included.
    var computeTime: Int64
}

/// What is served.
struct ServerDescription: Sendable {
    var model: ServedModel
    var policy: ExitPolicy
    var protocolName: String
}
