import DequeModule
import MExitParallel

/// Decoded requests that wait for a worker. Those with a deadline are given out first, but not for ever.
///
/// Unbounded by itself: ``AdmissionGate`` bounds what is under way.
final class Inbox: Sendable {
    /// Takings with deadlines alone, after which one without is taken too.
    private static let patience = 8

    private struct State {
        var urgent = Deque<PreparedRequest>()
        var others = Deque<PreparedRequest>()
        /// How many takings have passed over the first of the others.
        var overtaken = 0
        var isClosed = false
        var isAbandoned = false

        var isEmpty: Bool { urgent.isEmpty && others.isEmpty }
    }

    private let state = Monitor(State())

    /// - Parameter wakes: nobody where the caller sees to it that somebody takes the request.
    func append(_ request: PreparedRequest, wakes: Wake) {
        state.change(wakes: { _ in wakes }) { state in
            guard !state.isAbandoned else { return }
            if request.hasDeadline { state.urgent.append(request) } else { state.others.append(request) }
        }
    }

    /// Takes at most so many requests with a deadline and so many without, without waiting.
    func take(urgent: Int, others: Int) -> [PreparedRequest] {
        guard urgent > 0 || others > 0 else { return [] }
        return state.withLock { state in
            // Element by element: a slice that is still alive would make the removal copy the whole queue.
            var taken: [PreparedRequest] = []
            while taken.count < urgent, let next = state.urgent.popFirst() { taken.append(next) }
            let first = taken.count
            let rest = state.overtaken >= Inbox.patience ? max(1, others) : others
            while taken.count - first < rest, let next = state.others.popFirst() { taken.append(next) }
            if taken.count > first || state.others.isEmpty {
                state.overtaken = 0
            } else if first > 0 {
                state.overtaken += 1
            }
            return taken
        }
    }

    /// Waits until there is something; false when the inbox is closed and empty.
    func waitForRequests() -> Bool {
        state.wait { state in
            if !state.isEmpty { return true }
            return state.isClosed ? false : nil
        }
    }

    /// Lets those who wait look again.
    func wake() { state.wake() }

    /// No more is coming; what is there is still given out.
    func close() { state.change { $0.isClosed = true } }

    /// Closes, and forgets what is there and what still comes.
    func abandon() {
        state.change {
            $0.isClosed = true
            $0.isAbandoned = true
            $0.urgent.removeAll()
            $0.others.removeAll()
        }
    }

    var isAbandoned: Bool { state.withLock { $0.isAbandoned } }
    var isEmpty: Bool { state.withLock { $0.isEmpty } }
}

extension PreparedRequest {
    fileprivate var hasDeadline: Bool {
        if case .single(_, let request) = kind { request.deadline != nil } else { false }
    }
}
