import DequeModule

/// Forms groups of samples at the same stage, whenever they came: a new one joins at stage 0 while older ones are deeper.
///
/// The rules, the first that applies:
/// 1. who has been overtaken by younger samples ``patience`` times runs: nobody starves;
/// 2. the earliest deadline runs, in a group as large as still meets it;
/// 3. the deepest stage where anybody waits: nobody waits for company, and what a sample's last stage wrote is still in the
///    processor's cache when its next one reads it.
///
/// A group is as large as pays: more samples are taken together only where that makes each of them cheaper. Otherwise the
/// first of them would wait for the last for nothing. A few who would be left behind come along.
struct StageScheduler: GroupScheduler {
    /// Groups with younger samples that may go before a sample that waits.
    static let patience = 8
    /// How much cheaper a sample must become in a larger group.
    private static let gain = 0.97
    /// Every so many groups, one is as large as may be: what larger groups cost is measured only where they run.
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
    mutating func next(now: Int64, predicted: (_ stage: Int, _ count: Int) -> Int64) -> (stage: Int, jobs: [Job])? {
        guard let (stage, urgent) = choice() else { return nil }
        runs += 1
        let waiting = min(maximumBatch, queues[stage].count)
        var jobs: [Job] = []
        if let urgent, let deadline = queues[stage][urgent].deadline {
            var count = StageScheduler.payingSize(upTo: waiting) { predicted(stage, $0) }
            while count > 1, now + predicted(stage, count) > deadline { count -= 1 }
            jobs.append(queues[stage].remove(at: urgent))
            deadlines -= 1
            jobs += take(from: stage, count - 1)
        } else {
            let explores = runs % StageScheduler.exploration == 0
            let paying = StageScheduler.payingSize(upTo: waiting) { predicted(stage, $0) }
            // A smaller group right behind would cost each of its samples more.
            jobs = take(from: stage, explores || waiting < 2 * paying ? waiting : paying)
        }
        countOvertaken(by: jobs)
        return (stage, jobs)
    }

    /// A group at stage 0 that pays, less those who wait for it; nothing while somebody is deeper, who runs first.
    func appetite(predicted: (_ stage: Int, _ count: Int) -> Int64) -> Int {
        guard queues.dropFirst().allSatisfy(\.isEmpty) else { return 0 }
        return max(0, StageScheduler.payingSize(upTo: maximumBatch) { predicted(0, $0) } - queues[0].count)
    }

    /// The smallest group, up to a limit, in which a sample costs as little as in any, as far as is known.
    static func payingSize(upTo limit: Int, predicted: (_ count: Int) -> Int64) -> Int {
        var best = 1
        var bestCost = Double(predicted(1))
        var count = 1
        while count < limit {
            count = min(2 * count, limit)
            let cost = Double(predicted(count)) / Double(count)
            if cost < gain * bestCost {
                best = count
                bestCost = cost
            }
        }
        return best
    }

    /// The stage to run, and for the second rule the position of the urgent sample in its queue.
    private func choice() -> (stage: Int, urgent: Int?)? {
        if let starving = queues.indices.first(where: { (queues[$0].first?.overtaken ?? 0) >= StageScheduler.patience }) { return (starving, nil) }
        if deadlines > 0, let urgent = earliestDeadline() { return urgent }
        return queues.lastIndex { !$0.isEmpty }.map { ($0, nil) }
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
