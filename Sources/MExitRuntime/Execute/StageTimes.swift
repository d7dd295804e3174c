/// How long each stage takes on this machine, learnt while it runs: for deadlines.
///
/// Kept per stage and per power of two of the group's size: the newest ``window`` times, per sample. The prediction is their
/// ``quantile``, not their mean: of a hundred runs one may take longer, which is what a deadline is meant to hold. A window
/// forgets, so that the prediction follows when other programs come and go.
struct StageTimes: Sendable {
    static let window = 128
    static let quantile = 0.99
    /// Groups from this size on are timed together: per sample they hardly differ.
    static let largestGroup = 128

    /// The newest times of one stage and size, in nanoseconds per sample.
    private struct Window: Sendable {
        /// In the order of their coming, the oldest at `next` once it is full.
        private var times: [Double] = []
        private var sorted: [Double] = []
        private var next = 0

        init() {
            times.reserveCapacity(StageTimes.window)
            sorted.reserveCapacity(StageTimes.window)
        }

        var isKnown: Bool { !sorted.isEmpty }

        /// The smallest time that at least the share of ``StageTimes/quantile`` does not exceed; 0 when nothing is known.
        var high: Double {
            let rank = Int((StageTimes.quantile * Double(sorted.count)).rounded(.up))
            return sorted.isEmpty ? 0 : sorted[max(rank, 1) - 1]
        }

        mutating func record(_ time: Double) {
            if times.count < StageTimes.window {
                times.append(time)
            } else {
                sorted.remove(at: Window.position(of: times[next], in: sorted))
                times[next] = time
                next = (next + 1) % StageTimes.window
            }
            sorted.insert(time, at: Window.position(of: time, in: sorted))
        }

        /// The first place in ascending values where `time` may stand.
        private static func position(of time: Double, in sorted: [Double]) -> Int {
            var (low, high) = (0, sorted.count)
            while low < high {
                let middle = (low + high) / 2
                if sorted[middle] < time { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }

    private var windows: [[Window]]
    /// Relative cost of the stages, for those that never ran.
    private let costs: [Double]

    /// - Parameters:
    ///   - costs: multiply-adds per stage.
    ///   - maximumCount: the largest group.
    init(costs: [Int], maximumCount: Int) {
        self.costs = costs.map { Double(max($0, 1)) }
        let buckets = StageTimes.bucket(maximumCount) + 1
        windows = costs.map { _ in (0..<buckets).map { _ in Window() } }
    }

    private static func bucket(_ count: Int) -> Int { Int.bitWidth - max(count, 1).leadingZeroBitCount - 1 }

    /// Takes note of one run. Complexity: O(window), no allocation.
    mutating func record(stage: Int, count: Int, nanoseconds: Int64) {
        let index = min(StageTimes.bucket(count), windows[stage].count - 1)
        windows[stage][index].record(Double(max(nanoseconds, 0)) / Double(max(count, 1)))
    }

    /// Nanoseconds for a group. A size that was never seen is predicted from the next smaller one that was, which is no faster per
    /// sample; a stage that never ran, from the dearest per multiply-add of those that did; 0 when nothing is known.
    func predicted(stage: Int, count: Int) -> Int64 {
        let perSample = known(stage, count) ?? windows.indices.compactMap { other in
            known(other, count).map { $0 / costs[other] * costs[stage] }
        }.max() ?? 0
        return Int64(min(perSample * Double(count), 9e18))
    }

    private func known(_ stage: Int, _ count: Int) -> Double? {
        let sizes = windows[stage]
        let index = min(StageTimes.bucket(count), sizes.count - 1)
        return (sizes[...index].last(where: \.isKnown) ?? sizes.first(where: \.isKnown))?.high
    }
}
