extension DataSet {
    /// A 64-bit number that tells data sets apart: it changes when a label, a sample, the size, or the order of the images does.
    ///
    /// FNV-1a over the four numbers C, H, W, N and then, for each image, the FNV-1a of its label and its samples; numbers as
    /// 8 little-endian bytes. It records which data a model was trained on; it is no protection against forgery.
    ///
    /// - Parameter threads: Threads to hash with; the result does not depend on it.
    /// - Complexity: O(N·C·H·W).
    public func fingerprint(threads: Int = 1) -> UInt64 { DataIdentity(self, threads: threads).fingerprint }

    /// FNV-1a of each image's label and samples, `[N]`.
    fileprivate func imageHashes(threads: Int) -> [UInt64] {
        [UInt64](unsafeUninitializedCapacity: count) { out, filled in
            forEachIndex(count: count, threads: threads, state: {}) { _, index in
                var hash = FNV1a()
                hash.add(UInt64(label(of: index)))
                withPixels(of: index) { hash.add($0) }
                out.initializeElement(at: index, to: hash.value)
            }
            filled = count
        }
    }
}

/// What tells a data set from others once its pixels are gone: 12 bytes per image, which may have come in parts.
public struct DataIdentity: Sendable {
    private let shape: [Int]
    let classCount: Int
    private(set) var labels: [Int32]
    private var hashes: [UInt64]

    /// - Complexity: O(N·C·H·W).
    public init(_ data: DataSet, threads: Int = 1) {
        shape = [data.channels, data.size.height, data.size.width]
        classCount = data.classNames.count
        labels = data.labels
        hashes = data.imageHashes(threads: threads)
    }

    public var count: Int { labels.count }

    /// Takes the images that follow; of the same classes and size.
    mutating func append(_ part: DataSet, threads: Int) {
        labels += part.labels
        hashes += part.imageHashes(threads: threads)
    }

    /// ``DataSet/fingerprint(threads:)`` of all images together.
    public var fingerprint: UInt64 { fingerprint(of: hashes) }

    /// That of some of the images.
    func fingerprint(where isIncluded: (Int) -> Bool) -> UInt64 { fingerprint(of: hashes.indices.filter(isIncluded).map { hashes[$0] }) }

    private func fingerprint(of hashes: [UInt64]) -> UInt64 {
        var hash = FNV1a()
        for number in shape + [hashes.count] { hash.add(UInt64(number)) }
        for number in hashes { hash.add(number) }
        return hash.value
    }
}

/// The 64-bit hash of Fowler, Noll and Vo (draft-eastlake-fnv).
private struct FNV1a {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ bytes: UnsafeBufferPointer<UInt8>) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    }

    mutating func add(_ number: UInt64) {
        withUnsafeBytes(of: number.littleEndian) { add($0.bindMemory(to: UInt8.self)) }
    }
}
