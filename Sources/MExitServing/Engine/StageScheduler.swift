import DequeModule

/// Forms groups of samples at the same stage, whenever they came: a new one joins at stage 0 while older ones are deeper.
///
/// The rules, the first that applies:
/// 1. who has been overtaken by younger samples ``patience`` times runs: nobody starves;
/// 2. the earliest deadline runs, in a group as large as still meets it;
/// 3. the deepest stage where as many wait as it pays to run together;
/// 4. the deepest stage where anybody waits: nobody waits for company.
///
/// In a group the first waits for the last; if that makes each of them cheaper, everybody behind has his turn sooner in return. So
/// the longer the queue, the larger the group that pays, see ``payingSize(upTo:waiting:cost:)``.
struct StageScheduler: GroupScheduler {
    /// Groups with younger samples that may go before a sample that waits.
    static let patience = 8
    /// Every so many groups, one is twice as large as pays: what larger groups cost is measured only where they run.
    private static let exploration = 64

    let maximumBatch: Int
    private var queues: [Deque<Job>]
    private var deadlines = 0
    private var runs = 0

    init(stages: Int, maximumBatch: Int) {
        self.maximumBatch = maximumBatch
        queues = Array(repeating: Deque(), count: stages)
    }

    var isEmpty: Bool { queues.allSatisfy(\.isEmpty) }
    var holdsAnswers: Bool { false }

    mutating func append(_ job: Job) {
        job.overtaken = 0
        queues[job.stage].append(job)
        if job.deadline != nil { deadlines += 1 }
    }

    /// - Complexity: O(waiting samples) when there are deadlines, else O(stages * log(maximumBatch) + the group).
    mutating func next(now: Int64, times: some StageCosts, elsewhere: Int) -> (stage: Int, jobs: [Job])? {
        let everybody = count + elsewhere
        guard let (stage, urgent) = choice(times, everybody) else { return nil }
        runs += 1
        let waiting = min(maximumBatch, queues[stage].count)
        var jobs: [Job] = []
        if let urgent, let deadline = queues[stage][urgent].deadline {
            var count = StageScheduler.payingSize(upTo: waiting, waiting: everybody) { times.mean(stage: stage, count: $0) }
            while count > 1, now + times.predicted(stage: stage, count: count) > deadline { count -= 1 }
            jobs.append(queues[stage].remove(at: urgent))
            deadlines -= 1
            jobs += take(from: stage, count - 1)
        } else {
            let size = StageScheduler.payingSize(upTo: waiting, waiting: everybody) { times.mean(stage: stage, count: $0) }
            jobs = take(from: stage, runs % StageScheduler.exploration == 0 ? min(waiting, 2 * size) : size)
        }
        countOvertaken(by: jobs)
        return (stage, jobs)
    }

    /// A group at stage 0 that pays, less those who wait here.
    func appetite(times: some StageCosts, elsewhere: Int) -> Int {
        max(0, StageScheduler.payingSize(upTo: maximumBatch, waiting: count + elsewhere) { times.mean(stage: 0, count: $0) } - count)
    }

    private var count: Int { queues.reduce(0) { $0 + $1.count } }

    /// The size of groups, up to a limit, with which those who wait are done soonest in the mean.
    ///
    /// If W samples run in groups of n, each of which takes c(n), the last ones are done after W / n groups and the mean sample
    /// after (W / n + 1) / 2 of them: so c(n) (W + n) / n is to be least. Two run one by one unless a pair costs less than one
    /// and a half; in a long queue nothing counts but the cost of a sample.
    ///
    /// - Parameter waiting: W, all who wait for this worker, at any stage.
    static func payingSize(upTo limit: Int, waiting: Int, cost: (_ count: Int) -> Double) -> Int {
        func delay(_ count: Int) -> Double { cost(count) * Double(waiting + count) / Double(count) }
        var best = 1
        var least = delay(1)
        var count = 1
        while count < limit {
            count = min(2 * count, limit)
            let found = delay(count)
            if found < least {
                best = count
                least = found
            }
        }
        return best
    }

    /// The stage to run, and for the second rule the position of the urgent sample in its queue.
    private func choice(_ times: some StageCosts, _ everybody: Int) -> (stage: Int, urgent: Int?)? {
        if let starving = queues.indices.first(where: { (queues[$0].first?.overtaken ?? 0) >= StageScheduler.patience }) { return (starving, nil) }
        if deadlines > 0, let urgent = earliestDeadline() { return urgent }
        let deepest = queues.indices.reversed().filter { !queues[$0].isEmpty }
        let paying = deepest.first { stage in
            queues[stage].count >= StageScheduler.payingSize(upTo: maximumBatch, waiting: everybody) { times.mean(stage: stage, count: $0) }
        }
        return (paying ?? deepest.first).map { ($0, nil) }
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

    /// Age is the order in which requests were read. Only the first of a queue is looked at: the others get there.
    private func countOvertaken(by group: [Job]) {
        let youngest = group.reduce(Int.min) { max($0, $1.ticket.sequence) }
        for queue in queues {
            if let first = queue.first, first.ticket.sequence < youngest { first.overtaken += 1 }
        }
    }
}
