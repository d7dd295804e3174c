/// Bounds what is under way, in requests and in bytes: the reader waits here, and so the sender of the requests does too.
/// A request is under way from when it is read until its last line is written.
final class AdmissionGate: Sendable {
    private struct State {
        var requests = 0
        var bytes = 0
        var isOpen = true
    }

    private let state = Monitor(State())
    let maximumRequests: Int
    let maximumBytes: Int

    /// - Parameter maximumBytes: of requests' lines; one request alone may be larger.
    init(maximumRequests: Int, maximumBytes: Int) {
        self.maximumRequests = maximumRequests
        self.maximumBytes = maximumBytes
    }

    /// Waits for room; false when the server has stopped.
    func enter(bytes: Int) -> Bool {
        state.wait { state in
            guard state.isOpen else { return false }
            guard state.requests == 0 || (state.requests < maximumRequests && bytes <= maximumBytes - state.bytes) else { return nil }
            state.requests += 1
            state.bytes += bytes
            return true
        }
    }

    func leave(bytes: Int) {
        state.change {
            $0.requests -= 1
            $0.bytes -= bytes
        }
    }

    /// Turns everybody away.
    func close() { state.change { $0.isOpen = false } }

    var requestsUnderWay: Int { state.withLock { $0.requests } }
}
