import DequeModule

/// Work handed from one set of threads to another, in order. Unbounded by itself: ``AdmissionGate`` bounds what is under way.
final class WorkQueue<Element: Sendable>: Sendable {
    private struct State {
        var elements = Deque<Element>()
        var isClosed = false
        var isAbandoned = false
    }

    private let state = Monitor(State())

    /// - Parameter wakes: false where the caller sees to it that somebody takes the element.
    func append(_ element: Element, wakes: Bool = true) {
        state.change(wakes: { _ in wakes }) { if !$0.isAbandoned { $0.elements.append(element) } }
    }

    /// Lets those who wait look again.
    func wake() { state.change { _ in } }

    var isEmpty: Bool { state.withLock { $0.elements.isEmpty } }

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

    var isAbandoned: Bool { state.withLock { $0.isAbandoned } }

    /// Waits for an element; nil when the queue is closed and empty.
    func next() -> Element? {
        state.wait { state -> Element?? in
            if let first = state.elements.popFirst() { return .some(first) }
            return state.isClosed ? .some(nil) : nil
        }
    }

    /// Everything there is, without waiting.
    func takeAll() -> [Element] {
        state.withLock { state in
            let all = Array(state.elements)
            state.elements.removeAll(keepingCapacity: true)
            return all
        }
    }

    /// Waits until there is something; false when the queue is closed and empty.
    func waitForElements() -> Bool {
        state.wait { state in
            if !state.elements.isEmpty { return true }
            return state.isClosed ? false : nil
        }
    }
}
