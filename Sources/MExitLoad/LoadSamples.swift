import Foundation
import MExitData

/// What requests carry: the bytes of pictures `[C, H, W]`, and their labels if they are known.
public struct LoadSamples: Sendable {
    let tensors: [[UInt8]]
    /// One per tensor, or empty.
    let labels: [Int]
    /// What reports call them.
    let name: String

    /// Pictures of a data set, in its order, from the first.
    public init(_ data: DataSet, atMost limit: Int) {
        let count = min(limit, data.count)
        tensors = (0..<count).map { data.withPixels(of: $0) { Array($0) } }
        labels = (0..<count).map { data.label(of: $0) }
        name = data.name
    }

    /// Random bytes: enough where only speed matters, and where thresholds are not what is tested.
    public init(synthetic count: Int, bytes: Int, seed: UInt64) {
        var random = CounterRandom(.load, seed: seed, 1)
        tensors = (0..<count).map { _ in (0..<bytes).map { _ in UInt8(truncatingIfNeeded: random.next() >> 32) } }
        labels = []
        name = "random bytes"
    }
}
