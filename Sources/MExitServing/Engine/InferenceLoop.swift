import DequeModule
import MExitRuntime

/// Takes decoded requests, runs their stages in groups, and answers. One thread runs it.
final class InferenceLoop {
    let model: CompiledModel
    let context: InferenceContext
    let sink: any ResponseSink
    let statistics: Statistics
    private let inbox: WorkQueue<PreparedRequest>
    var scheduler: StageScheduler
    private var times: StageTimes
    /// Whether a request that comes too late for its deadline is refused; otherwise exit 0 answers it late.
    private let sheds: Bool
    /// Samples that wait for a slot.
    var backlog = Deque<Job>()
    /// Batches in exact mode: the first one is under way, one at a time, because its samples keep their slots until the
    /// budget is spent.
    var exactBatches = Deque<ExactBatch>()

    /// - Parameters:
    ///   - context: with no slot taken.
    ///   - options: of which it takes the largest group and whether late requests are refused.
    /// - Throws: ``RuntimeError`` when the first runs, which measure the stages, fail.
    init(
        context: InferenceContext, options: ServerOptions, inbox: WorkQueue<PreparedRequest>, sink: any ResponseSink, statistics: Statistics
    ) throws {
        self.context = context
        self.inbox = inbox
        self.sink = sink
        self.statistics = statistics
        model = context.model
        sheds = options.sheds
        scheduler = StageScheduler(stages: model.stageCount, maximumBatch: options.maximumBatch)
        times = StageTimes(stages: model.stageCount, maximumCount: options.maximumBatch)
        try measureStages()
    }

    /// Runs until the inbox is closed and everything is answered, or the inbox is abandoned.
    func run() {
        while true {
            let isIdle = scheduler.isEmpty && backlog.isEmpty && exactBatches.isEmpty
            let requests = inbox.takeAll(waits: isIdle)
            if isIdle && requests.isEmpty || inbox.isAbandoned { return }
            requests.forEach(accept)
            advanceExactBatches()
            fillSlots()
            let group = scheduler.next(now: MonotonicTime.now()) { [times] in times.predicted(stage: $0, count: $1) }
            if let group { run(stage: group.stage, group.jobs) }
        }
    }

    /// Runs every stage a few times on a black picture: the first deadline finds its predictions, and memory is touched
    /// before the first request pays for it.
    private func measureStages() throws {
        let black = Input.values(Array(repeating: 0, count: model.inputShape.count))
        for _ in 0..<4 {
            guard let slot = context.takeSlot() else { return }
            defer { context.release(slot) }
            try context.load(black, into: slot)
            for stage in 0..<model.stageCount {
                let start = MonotonicTime.now()
                try context.runStage(stage, slots: [slot])
                times.record(stage: stage, count: 1, nanoseconds: MonotonicTime.now() - start)
            }
        }
    }

    private func accept(_ prepared: PreparedRequest) {
        switch prepared.kind {
        case .single(let input, let request):
            let deadline = request.deadline.map { prepared.ticket.received + $0 }
            backlog.append(
                Job(ticket: prepared.ticket, owner: .request(request), policy: request.policy, deadline: deadline, input: input))
        case .batch(let inputs, let request):
            accept(inputs, request, prepared.ticket)
        }
    }

    private func accept(_ inputs: [Result<Input, RequestError>], _ request: BatchRequest, _ ticket: Ticket) {
        let batch = BatchProgress(ticket: ticket, request: request, count: inputs.count)
        var jobs = Deque<Job>()
        for (index, input) in inputs.enumerated() {
            switch input {
            case .success(let input):
                jobs.append(Job(ticket: ticket, owner: .batch(batch, index: index), policy: request.policy, input: input))
            case .failure(let error):
                batch.record(.failure(error), at: index)
            }
        }
        if jobs.isEmpty { return finish(batch) }
        guard request.mode == .exact, let budget = request.budgetMACs else { return backlog.append(contentsOf: jobs) }
        let stageMACs = model.stageCosts.map(\.macs)
        let least = ExactBudget.least(samples: jobs.count, stageMACs: stageMACs)
        guard budget >= least else {
            return sink.send(
                RequestError(
                    .budgetTooSmall,
                    "'budget_macs' is \(budget); exit 0 costs \(stageMACs[0]) a sample, so \(jobs.count) samples need at least \(least)"),
                to: ticket)
        }
        exactBatches.append(ExactBatch(batch, jobs: jobs, budget: ExactBudget(budget: budget, samples: jobs.count, stageMACs: stageMACs)))
    }

    private func fillSlots() {
        while !backlog.isEmpty, let slot = context.takeSlot() {
            let job = backlog.removeFirst()
            job.slot = slot
            do {
                guard let input = job.input else { throw RequestError(.internal, "a sample came without input") }
                try context.load(input, into: slot)
                job.input = nil
                scheduler.append(job)
            } catch {
                fail(job, RequestError(.badInput, "\(error)"))
            }
        }
    }

    private func run(stage: Int, _ group: [Job]) {
        let start = MonotonicTime.now()
        let predicted = times.predicted(stage: stage, count: group.count)
        let jobs = group.filter { job in
            guard let deadline = job.deadline, start + predicted > deadline else { return true }
            if stage > 0 {
                leave(job, now: start)
            } else if sheds {
                let left = max(0, Double(deadline - start) / 1e6)
                fail(job, RequestError(.deadlineUnmet, "\(left) ms are left before the deadline; exit 0 takes \(Double(predicted) / 1e6) ms"))
            } else {
                return true  // An answer of exit 0 is owed even when it is late.
            }
            return false
        }
        guard !jobs.isEmpty else { return }
        for job in jobs where stage == 0 { begin(job, now: start) }
        do {
            try context.runStage(stage, slots: jobs.map(\.slot))
        } catch {
            return jobs.forEach { fail($0, RequestError(.internal, "\(error)")) }
        }
        let end = MonotonicTime.now()
        times.record(stage: stage, count: jobs.count, nanoseconds: end - start)
        statistics.recordRun(stage: stage, samples: jobs.count, nanoseconds: end - start)
        for job in jobs {
            job.stage += 1
            job.computeTime += end - start
            decide(job, now: end)
        }
    }

    private func begin(_ job: Job, now: Int64) {
        job.started = now
        if case .batch(let batch, _) = job.owner, batch.started == nil { batch.started = now }
    }

    /// Looks at the newest exit of a job: it leaves, or waits for its next stage.
    private func decide(_ job: Job, now: Int64) {
        do {
            let (verdict, leaves) = try context.verdict(of: job.slot, job.policy)
            let isFinite = try context.withLogits(of: job.slot) { $0.allSatisfy(\.isFinite) }
            guard isFinite, verdict.probability.isFinite else {
                throw RequestError(.internal, "exit \(model.exits[job.stage - 1]) gives numbers that are not finite; the input is too large, or the model is broken")
            }
            job.newest = verdict
            if case .batch(let batch, _) = job.owner, batch.request.mode == .exact { return exactBatches[0].stageDone(job) }
            let isDue = job.deadline.map { now + times.predicted(stage: min(job.stage, model.stageCount - 1), count: 1) > $0 } ?? false
            if leaves || isDue { return leave(job, now: now) }
            if case .request(let request) = job.owner, request.anytime { try sendAnytime(job, request, now: now) }
            scheduler.append(job)
        } catch {
            fail(job, error as? RequestError ?? RequestError(.internal, "\(error)"))
        }
    }
}
