import MExitRuntime

/// How requests and answers are written; `docs/protocol.md` specifies both.
public enum WireProtocol: String, Hashable, Sendable, CaseIterable {
    /// One JSON object a line.
    case ndjson
    /// Messages of `serve.proto`, each behind its length.
    case protobuf

    var framing: Framing {
        switch self {
        case .ndjson: .lines
        case .protobuf: .lengths
        }
    }

    func decoder(for model: CompiledModel, limits: RequestLimits) -> any RequestDecoder {
        switch self {
        case .ndjson: NDJSONDecoder(model: model, limits: limits)
        case .protobuf: ProtobufDecoder(model: model, limits: limits)
        }
    }

    func encoder() -> any ResponseEncoder {
        switch self {
        case .ndjson: NDJSONEncoder()
        case .protobuf: ProtobufEncoder()
        }
    }
}
