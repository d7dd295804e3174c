import DequeModule

/// Takes what waits, up to a limit, through all stages together; what comes meanwhile waits for the next batch, and answers
/// wait for the end of theirs. Who exits is not computed any further.
///
/// This is what batching does in servers that know nothing of exits; kept so that ``StageScheduler`` can be compared with it.
struct BatchScheduler: GroupScheduler {
    let maximumBatch: Int
    private var waiting = Deque<Job>()
    /// Members of the batch under way that go on.
    private var batch: [Job] = []
    /// The stage that the batch waits for, and its number; samples that have had no batch have the number 0.
    private var stage = 0
    private var number = 1

    init(maximumBatch: Int) { self.maximumBatch = maximumBatch }

    var isEmpty: Bool { waiting.isEmpty && batch.isEmpty }
    var holdsAnswers: Bool { !batch.isEmpty }

    func appetite(predicted: (_ stage: Int, _ count: Int) -> Int64) -> Int { isEmpty ? maximumBatch : 0 }

    mutating func append(_ job: Job) {
        if job.batch == number, job.stage == stage { batch.append(job) } else { waiting.append(job) }
    }

    mutating func next(now: Int64, predicted: (_ stage: Int, _ count: Int) -> Int64) -> (stage: Int, jobs: [Job])? {
        if batch.isEmpty { startBatch() }
        guard !batch.isEmpty else { return nil }
        let group = (stage: stage, jobs: batch)
        batch = []
        stage += 1
        return group
    }

    /// Those who have waited longest; all of one stage (a batch in exact mode may come back for later stages).
    private mutating func startBatch() {
        guard let first = waiting.first else { return }
        number += 1
        stage = first.stage
        var others = Deque<Job>()
        while let job = waiting.popFirst() {
            if job.stage == stage, batch.count < maximumBatch {
                job.batch = number
                batch.append(job)
            } else {
                others.append(job)
            }
        }
        waiting = others
    }
}
