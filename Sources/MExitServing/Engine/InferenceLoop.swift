import DequeModule
import MExitParallel
import MExitRuntime

/// Takes decoded requests, runs their stages in groups, and answers. One thread at a time runs it.
final class InferenceLoop {
    let model: CompiledModel
    let context: InferenceContext
    let sink: any ResponseSink
    let statistics: Statistics
    private let inbox: Inbox
    /// Other loops take from the same inbox.
    private let sharesInbox: Bool
    var scheduler: any GroupScheduler
    private var times: StageTimes
    /// How exact batches choose who goes deeper.
    private let gains: BudgetGains
    /// Whether a request that comes too late for its deadline is refused; otherwise exit 0 answers it late.
    private let sheds: Bool
    /// Answers that go out when the group under way has run.
    var outbox: [OutputItem] = []
    /// Answers that wait for those of their batch.
    private var held: [Job] = []
    private let holds: Bool
    /// Samples that wait to be loaded.
    var backlog = Backlog()
    /// Nanoseconds that a group costs beside its stage: taking and loading requests, reading exits, sending answers. The median,
    /// followed in small steps, so that a turn in which the thread was interrupted does not count for more than others.
    private var turnTime: Int64 = 5_000
    private static let turnTimeStep: Int64 = 100
    /// Batches in exact mode: the first one is under way, one at a time, because its samples keep their slots until the
    /// budget is spent.
    var exactBatches = Deque<ExactBatch>()

    /// - Parameters:
    ///   - context: with no slot taken.
    ///   - options: of which it takes the largest group and whether late requests are refused.
    /// - Throws: ``RuntimeError`` when the first runs, which measure the stages, fail.
    init(
        context: InferenceContext, options: ServerOptions, inbox: Inbox, sink: any ResponseSink, statistics: Statistics
    ) throws {
        self.context = context
        self.inbox = inbox
        self.sink = sink
        self.statistics = statistics
        model = context.model
        gains = try BudgetGains(context.model)
        sheds = options.sheds
        sharesInbox = options.workers > 1
        holds = options.scheduling == .batch
        switch options.scheduling {
        case .stage:
            // Larger groups would run in parts of that size: no cheaper, and who comes meanwhile waits longer.
            scheduler = StageScheduler(stages: model.stageCount, maximumBatch: min(options.maximumBatch, context.groupSize))
        case .batch: scheduler = BatchScheduler(maximumBatch: options.maximumBatch)
        }
        times = StageTimes(stages: model.stageCount, maximumCount: options.maximumBatch)
        try measureStages(upTo: options.maximumBatch)
    }

    /// What can be run at once: the rest others may run sooner, and it stays out of this processor's caches. Deadlines are looked at by
    /// the scheduler, which therefore gets all that have one where nobody else could take them.
    private func takeRequests(_ appetite: Int) -> [PreparedRequest] {
        let others = backlog.isEmpty ? appetite : 0
        return inbox.take(urgent: sharesInbox ? max(1, others) : .max, others: others)
    }

    private var isIdle: Bool { scheduler.isEmpty && backlog.isEmpty && exactBatches.isEmpty }

    /// Nanoseconds that the whole network takes a lone sample, as measured.
    var wholeTime: Int64 { (0..<model.stageCount).reduce(0) { $0 + times.predicted(stage: $1, count: 1) } }

    /// Runs until everything that is there is answered, or the inbox is abandoned.
    ///
    /// - Parameter beforeSending: called whenever answers are about to go out.
    func run(beforeSending: () -> Void) {
        let isRealTime = RealTime.isOn
        while true {
            var start = MonotonicTime.now()
            if !outbox.isEmpty {
                beforeSending()
                // Few are written sooner than another thread is woken to write them.
                sink.send(outbox, directly: isIdle || outbox.count <= 8)
                outbox.removeAll(keepingCapacity: true)
                // Or who takes the answers, and who brings the next requests, would wait until there is nothing left to run.
                if isRealTime {
                    RealTime.letOthersRun()
                    start = MonotonicTime.now()
                }
            }
            let appetite = scheduler.appetite(predicted: groupTime)
            let requests = takeRequests(appetite)
            if isIdle && requests.isEmpty || inbox.isAbandoned { return }
            requests.forEach(accept)
            advanceExactBatches()
            load(appetite)
            guard let group = scheduler.next(now: MonotonicTime.now(), predicted: groupTime) else { continue }
            let stageTime = run(stage: group.stage, group.jobs)
            let rest = MonotonicTime.now() - start - stageTime
            turnTime += rest > turnTime ? InferenceLoop.turnTimeStep : -InferenceLoop.turnTimeStep
        }
    }

    /// What a group of some size takes at a stage until its answers are out.
    private func groupTime(stage: Int, count: Int) -> Int64 { times.predicted(stage: stage, count: count) + turnTime }

    /// Runs every stage a few times on black pictures, alone and in groups of 2, 4, 8, ...: the first deadline finds its
    /// predictions, the scheduler knows from which size on groups pay, and memory is touched before the first request pays
    /// for it. Groups are measured for half a second at most; larger ones are then learnt while the server runs.
    private func measureStages(upTo maximum: Int) throws {
        let black = Input.values(Array(repeating: 0, count: model.inputShape.count))
        let end = MonotonicTime.now() + 500_000_000
        var count = 1
        while count <= min(maximum, context.slotCount), count == 1 || MonotonicTime.now() < end {
            // The first run finds cold caches.
            for repetition in 0..<4 {
                let slots = (0..<count).compactMap { _ in context.takeSlot() }
                defer { slots.forEach(context.release) }
                for slot in slots { try context.load(black, into: slot) }
                for stage in 0..<model.stageCount {
                    let start = MonotonicTime.now()
                    try context.runStage(stage, slots: slots)
                    if repetition > 0 { times.record(stage: stage, count: count, nanoseconds: MonotonicTime.now() - start) }
                }
            }
            count *= 2
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
        let isExact = request.mode == .exact && request.budgetMACs != nil
        let policy = isExact ? gains.policy : request.policy
        var jobs = Deque<Job>()
        for (index, input) in inputs.enumerated() {
            switch input {
            case .success(let input):
                jobs.append(Job(ticket: ticket, owner: .batch(batch, index: index), policy: policy, input: input))
            case .failure(let error):
                batch.record(.failure(error), at: index)
            }
        }
        if jobs.isEmpty { return finish(batch) }
        guard isExact, let budget = request.budgetMACs else { return backlog.append(contentsOf: jobs) }
        do {
            let planner = try BudgetPlanner(budget: budget, samples: jobs.count, stageMACs: model.stageCosts.map(\.macs), aims: gains.hasLevels)
            exactBatches.append(ExactBatch(batch, jobs: jobs, gains: gains, planner: planner))
        } catch {
            send(.error(RequestError(.budgetTooSmall, "'budget_macs': \(error)"), line: ticket.line), to: ticket, isLast: true)
        }
    }

    /// Loads those with a deadline, and as many others as can run at once.
    private func load(_ appetite: Int) {
        var room = max(appetite, backlog.urgentCount)
        while room > 0, !backlog.isEmpty, let slot = context.takeSlot() {
            room -= 1
            guard let job = backlog.popFirst() else { return context.release(slot) }
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

    /// - Returns: nanoseconds that the stage took.
    private func run(stage: Int, _ group: [Job]) -> Int64 {
        let start = MonotonicTime.now()
        let predicted = times.predicted(stage: stage, count: group.count)
        let jobs = group.filter { job in
            guard let deadline = job.deadline, start + predicted > deadline else { return true }
            if stage > 0 {
                done(job, now: start)
            } else if sheds {
                let left = max(0, Double(deadline - start) / 1e6)
                fail(job, RequestError(.deadlineUnmet, "\(left) ms are left before the deadline; exit 0 takes \(Double(predicted) / 1e6) ms"))
            } else {
                return true  // An answer of exit 0 is owed even when it is late.
            }
            return false
        }
        guard !jobs.isEmpty else {
            answerHeld()
            return 0
        }
        for job in jobs where stage == 0 { begin(job, now: start) }
        do {
            try context.runStage(stage, slots: jobs.map(\.slot))
        } catch {
            jobs.forEach { fail($0, RequestError(.internal, "\(error)")) }
            answerHeld()
            return MonotonicTime.now() - start
        }
        let end = MonotonicTime.now()
        times.record(stage: stage, count: jobs.count, nanoseconds: end - start)
        statistics.recordRun(stage: stage, samples: jobs.count, nanoseconds: end - start)
        for job in jobs {
            job.stage += 1
            job.computeTime += end - start
            decide(job, now: end)
        }
        answerHeld()
        return end - start
    }

    /// The newest exit of a job is its answer: it goes out now, or under whole-batch scheduling with those of its batch.
    private func done(_ job: Job, now: Int64) {
        if holds { held.append(job) } else { leave(job, now: now) }
    }

    /// Gives the answers of a batch that has ended.
    private func answerHeld() {
        guard !held.isEmpty, !scheduler.holdsAnswers else { return }
        let now = MonotonicTime.now()
        for job in held { leave(job, now: now) }
        held.removeAll(keepingCapacity: true)
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
            if leaves || isDue { return done(job, now: now) }
            if case .request(let request) = job.owner, request.anytime { try sendAnytime(job, request, now: now) }
            scheduler.append(job)
        } catch {
            fail(job, error as? RequestError ?? RequestError(.internal, "\(error)"))
        }
    }
}
