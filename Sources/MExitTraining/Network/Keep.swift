#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

import MExitParallel

/// Owns all memory of one network: blocks at fixed addresses that its steps point to, freed together.
final class Keep {
    private var blocks: [UnsafeMutableRawPointer] = []
    /// Bytes handed out.
    private(set) var bytes = 0
    private let available: Int

    init(available: Int = SystemMemory.available) { self.available = available }

    /// Zeroed memory on a 64-byte boundary.
    ///
    /// - Throws: ``NetworkError`` when the system has no such memory.
    func allocate<Element: BitwiseCopyable>(_ type: Element.Type, count: Int) throws -> UnsafeMutablePointer<Element> {
        let (size, overflow) = max(count, 1).multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
        guard !overflow, size <= available - bytes else {
            throw NetworkError(
                "training needs over \(available >> 20) MiB of memory beside the images, which is all that can be had; use a smaller batch or network")
        }
        guard let raw = AlignedMemory.allocate(bytes: size) else {
            throw NetworkError("cannot get memory for \(count) numbers; use a smaller batch or network")
        }
        blocks.append(raw)
        bytes += size
        return raw.bindMemory(to: Element.self, capacity: max(count, 1))
    }

    /// One value at a fixed address: what C functions take by pointer.
    func constant<Value: BitwiseCopyable>(_ value: Value) throws -> UnsafePointer<Value> {
        let pointer = try allocate(Value.self, count: 1)
        pointer.initialize(to: value)
        return UnsafePointer(pointer)
    }

    /// Values side by side at a fixed address.
    func constants<Value: BitwiseCopyable>(_ values: [Value]) throws -> UnsafePointer<Value> {
        let pointer = try allocate(Value.self, count: values.count)
        for (index, value) in values.enumerated() { (pointer + index).initialize(to: value) }
        return UnsafePointer(pointer)
    }

    deinit { blocks.forEach { free($0) } }
}

/// A table of sample pointers: what kernels take as `const float *const *` and `float *const *`.
struct Rows {
    private let base: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>

    /// - Parameter pointer: pixel (0, 0, 0) of each sample.
    init(count: Int, keep: Keep, pointer: (Int) -> UnsafeMutablePointer<Float>) throws {
        base = try keep.allocate(UnsafeMutablePointer<Float>?.self, count: count)
        for sample in 0..<count { base[sample] = pointer(sample) }
    }

    /// The table from a sample on, to write through.
    func mutable(from sample: Int) -> UnsafePointer<UnsafeMutablePointer<Float>?> { UnsafePointer(base + sample) }

    /// The table from a sample on, to read through. A pointer to const has the same representation.
    func reading(from sample: Int) -> UnsafePointer<UnsafePointer<Float>?> {
        UnsafeRawPointer(base + sample).assumingMemoryBound(to: UnsafePointer<Float>?.self)
    }

    subscript(sample: Int) -> UnsafeMutablePointer<Float> {
        // Every entry is set by `init`.
        base[sample].unsafelyUnwrapped
    }
}
