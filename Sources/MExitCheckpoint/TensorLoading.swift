import MExitParallel

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension ContainerReader {
    /// A thread is started for every so many bytes in memory: inflating them takes some milliseconds, starting it a tenth of one.
    private static let bytesPerThread = 1 << 20

    /// The elements of several tensors, which must be among ``segments``: read, checked and inflated in parallel.
    ///
    /// - Parameter threads: nil for one per processor, and no more than the work is worth. They end before this returns.
    /// - Throws: ``CheckpointError`` of the first tensor, in the order given, whose bytes were altered.
    public func values(of segments: [Segment], threads: Int? = nil) throws -> [[Float]] {
        let elements = segments.reduce(0) { $0 + $1.count }
        let useful = max(1, min(segments.count, elements * MemoryLayout<Float>.size / Self.bytesPerThread))
        let pool = WorkerPool(threads: threads.map { max(1, $0) } ?? min(useful, Self.processors))
        // Large ones first, so that the last ones to be taken are small and threads end together.
        let order = segments.indices.sorted { segments[$0].count == segments[$1].count ? $0 < $1 : segments[$0].count > segments[$1].count }
        var results = [Result<[Float], any Error>?](repeating: nil, count: segments.count)
        results.withUnsafeMutableBufferPointer { results in
            pool.run(order.count) { _, index in
                let segment = order[index]
                results[segment] = Result { try values(of: segments[segment]) }
            }
        }
        return try results.compactMap { try $0?.get() }
    }

    package static var processors: Int { max(1, min(64, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))) }
}
