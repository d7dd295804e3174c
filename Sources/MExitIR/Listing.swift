extension Collection {
    /// For messages: a list from a file may have millions of elements.
    var shortened: String {
        let shown = prefix(8).map { "\($0)" }.joined(separator: ", ")
        return count <= 8 ? "[\(shown)]" : "[\(shown), ...] (\(count) in all)"
    }
}
