import MExitParallel
import Synchronization

/// Whether so many images can be held: an array that cannot be had ends the process.
///
/// - Parameters:
///   - perImage: bytes of one.
///   - available: bytes that there are.
/// - Returns: the bytes of all of them.
/// - Throws: ``DataError`` with code `badOption`.
@discardableResult
func checkMemory(_ name: String, images: Int, size: ImageSize, perImage: Int, available: Int = SystemMemory.available) throws(DataError) -> Int {
    let (total, overflow) = images.multipliedReportingOverflow(by: perImage)
    guard !overflow, total <= available else {
        throw DataError(
            .badOption,
            "cannot load \(name): \(images) images of \(size) take \(overflow ? "over 8796093022207" : "\((total - 1) >> 20 + 1)") MiB of memory, of which \(available >> 20) MiB can be had; ask for a smaller image size")
    }
    return total
}

/// Memory that is taken bit by bit, where its sum is not known before; any thread may take.
final class MemoryRoom: Sendable {
    private let left: Atomic<Int>

    init(bytes: Int) { left = Atomic(bytes) }

    /// - Returns: false when there is not so much left; then nothing is left.
    func take(_ bytes: Int) -> Bool { left.subtract(bytes, ordering: .relaxed).newValue >= 0 }

    var isOver: Bool { left.load(ordering: .relaxed) < 0 }
}
