#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Zeroed memory for floats, aligned to a cache line, freed with its owner.
///
/// Large blocks are mapped by themselves and ask for huge pages: weights that go by once per sample else miss the translation
/// buffer every 4 KiB. Memory that `malloc` hands out a second time would keep the small pages it had.
///
/// Unchecked: a plain block of memory; who may write it when is the business of its owner (compiled weights are written
/// before they are shared, an arena belongs to one context).
final class AlignedFloats: @unchecked Sendable {
    private static let alignment = 64
    private static let hugePage = 2 << 20

    let base: UnsafeMutablePointer<Float>
    let count: Int
    /// All that was taken from the system: of a large block a mapping, else memory of `malloc`.
    private let memory: UnsafeMutableRawBufferPointer

    /// - Throws: ``RuntimeError`` when the system has not that much memory.
    /// - Complexity: O(1) for large blocks, which the system zeroes page by page when they are first touched.
    init(count: Int) throws {
        let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: 4)
        let grain = bytes < AlignedFloats.hugePage ? AlignedFloats.alignment : AlignedFloats.hugePage
        let (padded, overflowToo) = bytes.addingReportingOverflow(grain)
        guard !overflow, !overflowToo, let start = AlignedFloats.take(padded) else {
            throw RuntimeError(.badUse, "cannot allocate \(count) floats; use fewer slots or a smaller model")
        }
        memory = UnsafeMutableRawBufferPointer(start: start, count: padded)
        let aligned = start.alignedUp(toMultipleOf: grain)
        #if os(Linux)
            // Only advice: where the system has none, pages stay small.
            if grain == AlignedFloats.hugePage { madvise(aligned, bytes, MADV_HUGEPAGE) }
        #endif
        base = aligned.bindMemory(to: Float.self, capacity: max(count, 1))
        self.count = count
    }

    private static func isMapped(_ padded: Int) -> Bool { padded >= 2 * hugePage }

    private static func take(_ padded: Int) -> UnsafeMutableRawPointer? {
        guard isMapped(padded) else { return calloc(1, padded) }
        let memory = mmap(nil, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
        return memory == UnsafeMutableRawPointer(bitPattern: -1) ? nil : memory // MAP_FAILED
    }

    deinit {
        if AlignedFloats.isMapped(memory.count) { munmap(memory.baseAddress, memory.count) } else { free(memory.baseAddress) }
    }
}
