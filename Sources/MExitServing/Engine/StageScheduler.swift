import DequeModule

/// Decides which waiting samples run their next stage together.
///
/// Samples at the same stage form a group, whenever they came: a new one joins at stage 0 while older ones are deeper. The
/// rules, the first that applies:
/// 1. who has been passed over ``patience`` times runs, with the oldest of its group: nobody starves;
/// 2. the earliest deadline runs, in a group as large as still meets it;
/// 3. the deepest group of at least `maximumBatch` runs: weights are read once for many;
/// 4. the deepest group runs: it finishes soonest, and nobody waits for company.
struct StageScheduler {
    static let patience = 8

    let maximumBatch: Int
    private var queues: [Deque<Job>]
    private var deadlines = 0
    /// Groups handed out.
    private(set) var runs = 0

    init(stages: Int, maximumBatch: Int) {
        self.maximumBatch = maximumBatch
        queues = Array(repeating: Deque(), count: stages)
    }

    var isEmpty: Bool { queues.allSatisfy(\.isEmpty) }
    /// Waiting samples per stage.
    var waiting: [Int] { queues.map(\.count) }

    /// Adds a sample that waits for `job.stage`.
    mutating func append(_ job: Job) {
        job.waitsSince = runs
        queues[job.stage].append(job)
        if job.deadline != nil { deadlines += 1 }
    }

    /// Takes out the next group; nil when nobody waits.
    ///
    /// - Parameter predicted: nanoseconds that a stage takes for a group of some size.
    /// - Complexity: O(waiting samples) when there are deadlines, else O(stages + maximumBatch).
    mutating func next(now: Int64, predicted: (_ stage: Int, _ count: Int) -> Int64) -> (stage: Int, jobs: [Job])? {
        guard let (stage, urgent) = choice() else { return nil }
        runs += 1
        guard let urgent, let deadline = queues[stage][urgent].deadline else { return (stage, take(from: stage, maximumBatch)) }
        var count = min(maximumBatch, queues[stage].count)
        while count > 1, now + predicted(stage, count) > deadline { count -= 1 }
        let first = queues[stage].remove(at: urgent)
        deadlines -= 1
        return (stage, [first] + take(from: stage, count - 1))
    }

    /// The stage to run, and for the second rule the position of the urgent sample in its queue.
    private func choice() -> (stage: Int, urgent: Int?)? {
        let deepest = queues.indices.reversed()
        let oldest = deepest.filter { !queues[$0].isEmpty }.min { queues[$0][0].waitsSince < queues[$1][0].waitsSince }
        guard let oldest else { return nil }
        if runs - queues[oldest][0].waitsSince >= StageScheduler.patience { return (oldest, nil) }
        if deadlines > 0, let urgent = earliestDeadline() { return urgent }
        let full = deepest.first { queues[$0].count >= maximumBatch }
        return (full ?? deepest.first { !queues[$0].isEmpty }).map { ($0, nil) }
    }

    private func earliestDeadline() -> (stage: Int, urgent: Int?)? {
        var best: (stage: Int, index: Int, deadline: Int64)?
        for stage in queues.indices {
            for (index, job) in queues[stage].enumerated() {
                if let deadline = job.deadline, deadline < best?.deadline ?? .max { best = (stage, index, deadline) }
            }
        }
        return best.map { ($0.stage, $0.index) }
    }

    private mutating func take(from stage: Int, _ count: Int) -> [Job] {
        let jobs = Array(queues[stage].prefix(count))
        queues[stage].removeFirst(jobs.count)
        deadlines -= jobs.count { $0.deadline != nil }
        return jobs
    }
}
