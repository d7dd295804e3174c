/// Owns the memory of C messages while they are put together; it must outlive their packing.
package final class ProtoArena {
    private var blocks: [UnsafeMutableRawPointer] = []

    package init() {}

    deinit { blocks.forEach { $0.deallocate() } }

    /// A message, initialised by its generated `..._init`, then filled.
    package func make<Message>(
        _ initialise: (UnsafeMutablePointer<Message>?) -> Void, _ fill: (inout Message) throws -> Void
    ) rethrows -> UnsafeMutablePointer<Message> {
        let message = UnsafeMutablePointer<Message>.allocate(capacity: 1)
        blocks.append(message)
        initialise(message)
        try fill(&message.pointee)
        return message
    }

    /// A message without fields.
    package func make<Message>(_ initialise: (UnsafeMutablePointer<Message>?) -> Void) -> UnsafeMutablePointer<Message> {
        make(initialise) { _ in }
    }

    /// Elements of a repeated field; nil for none.
    package func array<Element>(_ elements: [Element]) -> UnsafeMutablePointer<Element>? {
        if elements.isEmpty { return nil }
        let copy = UnsafeMutablePointer<Element>.allocate(capacity: elements.count)
        copy.initialize(from: elements, count: elements.count)
        blocks.append(copy)
        return copy
    }

    package func string(_ text: String) -> UnsafeMutablePointer<CChar>? { array(Array(text.utf8CString)) }

    package func strings(_ texts: [String]) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? { array(texts.map(string)) }
}
