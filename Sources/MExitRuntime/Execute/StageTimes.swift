/// How long each stage takes on this machine, learnt while it runs: for deadlines.
///
/// Two things make a stage end late, and they are kept apart. Its own work takes about the same time in every run: the median
/// of the newest ``window`` runs, per stage and per power of two of the group's size. And now and then the system takes the
/// processor away, for an interrupt or for another program: such **delays** strike any stage, the longer it is the more often, so
/// the newest ``delayWindow`` runs of all stages say together how often per nanosecond of work a delay of some length comes.
/// That estimate is current for stages that have not run for a while, and it tells one run in a hundred from two much sooner
/// than each stage's own runs do, which count too as long as they are new.
struct StageTimes: Sendable {
    static let window = 128
    static let delayWindow = 1024
    /// Of the runs that are started, the share that may end late.
    static let risk = 0.01
    /// Groups from this size on are timed together: per sample they hardly differ.
    static let largestGroup = 128

    /// The newest runs of one stage and size, in nanoseconds per sample.
    private struct Runs: Sendable {
        var times = SortedWindow(capacity: StageTimes.window)
        /// ``runs`` of all stages when it was last run, and the median of stage 0 in groups of this size then; 0 if unknown.
        var newest = 0
        var reference = 0.0

        var median: Double { times.quantile(0.5) }
    }

    /// Per stage, per power of two.
    private var stages: [[Runs]]
    /// Nanoseconds that runs took more than their stage's median for the group, and the sum of those medians.
    private var delays = SortedWindow(capacity: delayWindow)
    private var work = SumWindow(capacity: delayWindow)
    /// Runs recorded so far.
    private var runs = 0
    /// Relative cost of the stages, for those that never ran.
    private let costs: [Double]

    /// - Parameters:
    ///   - costs: multiply-adds per stage.
    ///   - maximumCount: the largest group.
    init(costs: [Int], maximumCount: Int) {
        self.costs = costs.map { Double(max($0, 1)) }
        let sizes = StageTimes.size(maximumCount) + 1
        stages = costs.map { _ in (0..<sizes).map { _ in Runs() } }
    }

    private static func size(_ count: Int) -> Int { Int.bitWidth - max(count, 1).leadingZeroBitCount - 1 }

    /// Takes note of one run. Complexity: O(windows), no allocation.
    mutating func record(stage: Int, count: Int, nanoseconds: Int64) {
        let size = min(StageTimes.size(count), stages[stage].count - 1)
        let count = Double(max(count, 1))
        let time = Double(max(nanoseconds, 0))
        runs += 1
        stages[stage][size].times.record(time / count)
        stages[stage][size].newest = runs
        stages[stage][size].reference = stages[0][size].median
        let typical = stages[stage][size].median * count
        delays.record(max(time - typical, 0))
        work.record(typical.rounded())
    }

    /// The probability that a stage takes longer than it may; 0 when nothing is known.
    ///
    /// - Parameter nanoseconds: that there are until it must have ended.
    func risk(stage: Int, count: Int, within nanoseconds: Int64) -> Double { forecast(stage, count).risk(within: Double(nanoseconds)) }

    /// The least nanoseconds for a group within which all but a share of ``risk`` of the runs end.
    ///
    /// A size that was never seen is predicted from the next smaller one that was, which is no faster per sample; a stage that
    /// never ran, from the dearest per multiply-add of those that did; 0 when nothing is known.
    func predicted(stage: Int, count: Int) -> Int64 {
        let forecast = forecast(stage, count)
        var low = Int64(min(forecast.typical.rounded(.up), 9e18))
        var high = Int64(min(forecast.longest.rounded(.up), 9e18))
        while low < high {
            let middle = low + (high - low) / 2
            if forecast.risk(within: Double(middle)) > StageTimes.risk { low = middle + 1 } else { high = middle }
        }
        return high
    }

    private func forecast(_ stage: Int, _ count: Int) -> Forecast {
        let samples = Double(max(count, 1))
        guard let (runs, size) = known(stage, count) else {
            let dearest = stages.indices.compactMap { other in known(other, count).map { $0.runs.median / costs[other] } }.max() ?? 0
            return Forecast(times: self, typical: dearest * costs[stage] * samples, samples: samples, own: nil, ownWeight: 0)
        }
        // When stage 0 has become slower or faster since, so has this one.
        let now = stages[0][size].median
        let change = runs.reference > 0 && now > 0 ? now / runs.reference : 1
        let age = Double(self.runs - runs.newest) / Double(StageTimes.delayWindow)
        return Forecast(
            times: self, typical: runs.median * change * samples, samples: samples, own: runs.times,
            ownWeight: Double(runs.times.count) * max(1 - age, 0))
    }

    private func known(_ stage: Int, _ count: Int) -> (runs: Runs, size: Int)? {
        let sizes = stages[stage]
        let size = min(StageTimes.size(count), sizes.count - 1)
        return (sizes[...size].lastIndex { $0.times.count > 0 } ?? sizes.firstIndex { $0.times.count > 0 }).map { (sizes[$0], $0) }
    }

    /// What is expected of one stage for one group.
    private struct Forecast {
        let times: StageTimes
        /// Nanoseconds without a delay.
        let typical: Double
        let samples: Double
        /// The stage's own runs, and for how many of them they count.
        let own: SortedWindow?
        let ownWeight: Double

        /// Nothing that was seen took longer.
        var longest: Double {
            let known = own.map { $0.largest - $0.quantile(0.5) } ?? 0
            return typical + max(times.delays.largest, known * samples)
        }

        func risk(within available: Double) -> Double {
            let slack = available - typical
            guard slack >= 0 else { return 1 }
            let work = times.work.sum
            let common = work > 0 ? min(Double(times.delays.count(above: slack)) * typical / work, 1) : 0
            guard let own, ownWeight > 0 else { return common }
            let late = Double(own.count(above: own.quantile(0.5) + slack / samples)) / Double(own.count)
            // All runs together count as much as a full window of the stage's own.
            let commonWeight = Double(StageTimes.window)
            return (ownWeight * late + commonWeight * common) / (ownWeight + commonWeight)
        }
    }
}
