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
    let base: UnsafeMutablePointer<Float>
    let count: Int

    /// - Throws: ``RuntimeError`` when the system has not that much memory.
    init(count: Int) throws {
        let (bytes, overflow) = max(count, 1).multipliedReportingOverflow(by: 4)
        var memory: UnsafeMutableRawPointer?
        guard !overflow, posix_memalign(&memory, 64, bytes) == 0, let memory else {
            throw RuntimeError(.badUse, "cannot allocate \(count) floats; use fewer slots or a smaller model")
        }
        memset(memory, 0, bytes)
        base = memory.bindMemory(to: Float.self, capacity: max(count, 1))
        self.count = count
    }

    deinit { free(base) }
}
