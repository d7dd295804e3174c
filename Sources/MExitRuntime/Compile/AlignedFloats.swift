#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Zeroed memory for floats, aligned to a cache line, freed with its owner.
///
/// Unchecked: a plain block of memory; who may write it when is the business of its owner (compiled weights are written
/// before they are shared, an arena belongs to one context).
final class AlignedFloats: @unchecked Sendable {
    private static let alignment = 64

    let base: UnsafeMutablePointer<Float>
    let count: Int
    private let memory: UnsafeMutableRawPointer

    /// - Throws: ``RuntimeError`` when the system has not that much memory.
    /// - Complexity: O(1) for large blocks, which the system zeroes page by page when they are first touched.
    init(count: Int) throws {
        let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: 4)
        let (padded, overflowToo) = bytes.addingReportingOverflow(AlignedFloats.alignment)
        guard !overflow, !overflowToo, let memory = calloc(1, padded) else {
            throw RuntimeError(.badUse, "cannot allocate \(count) floats; use fewer slots or a smaller model")
        }
        self.memory = memory
        base = memory.alignedUp(toMultipleOf: AlignedFloats.alignment).bindMemory(to: Float.self, capacity: max(count, 1))
        self.count = count
    }

    deinit { free(memory) }
}
