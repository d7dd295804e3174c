import DequeModule
import MExitParallel

/// Work handed from one set of threads to another, in order. Unbounded by itself: ``AdmissionGate`` bounds what is under way.
final class WorkQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements = Deque<Element>()
        var isClosed = false
        var isAbandoned = false
    }

    private let state = Monitor(State())

    func append(_ element: Element) {
        state.change(wakes: { _ in .one }) { if !$0.isAbandoned { $0.elements.append(element) } }
    }

    /// No more is coming; what is there is still given out.
    func close() {
        state.change { $0.isClosed = true }
    }

    /// Closes, and forgets what is there and what still comes.
    func abandon() {
        state.change {
            $0.isClosed = true
            $0.isAbandoned = true
            $0.elements.removeAll()
        }
    }

    /// Waits for an element; nil when the queue is closed and empty.
    func next() -> Element? {
        state.wait { state -> Element?? in
            if let first = state.elements.popFirst() { return .some(first) }
            return state.isClosed ? .some(nil) : nil
        }
    }
}
