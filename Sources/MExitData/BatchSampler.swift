/// Divides the images of a data set into batches, in a new order each epoch.
///
/// The order of an epoch depends on (count, seed, epoch) only, so training resumes at any (epoch, batch) without any state.
public struct BatchSampler: Hashable, Sendable {
    /// Images in the data set, N.
    public let count: Int
    /// Images in a batch.
    public let batchSize: Int
    /// Whether images are shuffled; otherwise they come in order.
    public let isShuffled: Bool
    /// Whether a last batch with fewer than `batchSize` images is left out.
    public let dropsLast: Bool
    /// Chooses the orders.
    public let seed: UInt64

    /// Makes a sampler.
    ///
    /// - Throws: ``DataError`` with code `badOption` when `batchSize` is below 1, `tooFewImages` when an epoch would have no batch.
    public init(count: Int, batchSize: Int, isShuffled: Bool = true, dropsLast: Bool = false, seed: UInt64 = 0) throws {
        guard batchSize >= 1 else { throw DataError(.badOption, "cannot make batches of \(batchSize) images: at least 1 is needed") }
        guard count >= (dropsLast ? batchSize : 1) else {
            throw DataError(
                .tooFewImages,
                "cannot make batches of \(batchSize) images out of \(count)"
                    + (dropsLast ? ": without the short last batch nothing is left; use a smaller batch" : ": there is no image"))
        }
        self.count = count
        self.batchSize = batchSize
        self.isShuffled = isShuffled
        self.dropsLast = dropsLast
        self.seed = seed
    }

    /// Batches in an epoch.
    public var batchesPerEpoch: Int { dropsLast ? count / batchSize : (count + batchSize - 1) / batchSize }

    /// All images in the order of an epoch: a permutation of `0 ..< count`.
    public func order(epoch: Int) -> [Int] {
        var order = Array(0..<count)
        if isShuffled {
            var random = CounterRandom(.order, seed: seed, epoch)
            random.shuffle(&order)
        }
        return order
    }

    /// The batches of an epoch, each a list of image indices.
    ///
    /// - Parameters:
    ///   - epoch: Counts from 0.
    ///   - first: The batch to begin with, in `0 ... batchesPerEpoch`; the batches before it are left out.
    /// - Complexity: O(N).
    public func batches(epoch: Int, from first: Int = 0) -> [[Int]] {
        let order = order(epoch: epoch)
        precondition((0...batchesPerEpoch).contains(first), "batch \(first) of an epoch of \(batchesPerEpoch)")
        return (first..<batchesPerEpoch).map { batch in
            Array(order[(batch * batchSize)..<min((batch + 1) * batchSize, count)])
        }
    }
}
