import MExitParallel

/// Bounds what is under way, in requests and in bytes: the reader waits here, and so the sender of the requests does too.
/// A request is under way from when it is read until its last response is written.
///
/// A server that sheds load does not wait when it is full. The refusals that it sends instead are bounded in the same way,
/// since a sender that takes no answers would fill memory with them.
final class AdmissionGate: Sendable {
    /// What a request holds until it is answered.
    struct Room: Hashable, Sendable {
        var bytes: Int
        /// It came when the server was full, and only waits for its refusal to be written.
        var isRefusal: Bool
    }

    private struct State {
        var requests = 0
        var bytes = 0
        var refusals = 0
        var isOpen = true
    }

    private let state = Monitor(State())
    private let maximumRequests: Int
    private let maximumBytes: Int
    private let sheds: Bool

    /// - Parameters:
    ///   - maximumBytes: of requests as they were sent; one request alone may be larger.
    ///   - sheds: whether those who come when it is full are refused instead of waiting.
    init(maximumRequests: Int, maximumBytes: Int, sheds: Bool) {
        self.maximumRequests = maximumRequests
        self.maximumBytes = maximumBytes
        self.sheds = sheds
    }

    /// Whether a request would not have to wait.
    func hasRoom(bytes: Int) -> Bool { state.withLock { hasRoom($0, bytes) } }

    private func hasRoom(_ state: State, _ bytes: Int) -> Bool {
        state.requests == 0 || (state.requests < maximumRequests && bytes <= maximumBytes - state.bytes)
    }

    /// Waits for room; nil when the server has stopped.
    func enter(bytes: Int) -> Room? {
        state.wait { state -> Room?? in
            guard state.isOpen else { return .some(nil) }
            if hasRoom(state, bytes) {
                state.requests += 1
                state.bytes += bytes
                return Room(bytes: bytes, isRefusal: false)
            }
            guard sheds, state.refusals < maximumRequests else { return nil }
            state.refusals += 1
            return Room(bytes: 0, isRefusal: true)
        }
    }

    func leave(_ rooms: some Sequence<Room>) {
        state.change {
            for room in rooms {
                if room.isRefusal { $0.refusals -= 1 } else { $0.requests -= 1 }
                $0.bytes -= room.bytes
            }
        }
    }

    /// Turns everybody away.
    func close() { state.change { $0.isOpen = false } }

    var requestsUnderWay: Int { state.withLock { $0.requests } }
}
