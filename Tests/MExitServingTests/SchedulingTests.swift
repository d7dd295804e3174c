import MExitIR
import MExitRuntime
import Testing
import _MExitTestSupport

@testable import MExitServing

private struct Nowhere: ResponseSink {
    func send(_ items: [OutputItem], directly: Bool) {}
}

@Suite struct SchedulingTests {
    private let model: CompiledModel
    private let policy: CheckedPolicy

    init() throws {
        model = try TestModels.compiled()
        policy = try CheckedPolicy(.last(of: model), for: model)
        let statistics = Statistics(stages: model.stageCount)
        generation = try Generation(
            ServedModel(try TestModels.model(), name: "test", version: "1"), options: ServerOptions(threads: 1) { .last(of: $0) },
            sink: Nowhere(), statistics: statistics)
        generation.retire()
        generation.join()
    }

    private let generation: Generation

    private func job(_ id: Int, stage: Int = 0, deadline: Int64? = nil) -> Job {
        let ticket = Ticket(
            id: .none, generation: generation, sequence: id, line: id, room: AdmissionGate.Room(bytes: 0, isRefusal: false), received: 0)
        let job = Job(
            ticket: ticket, owner: .request(ClassifyRequest(policy: policy)), policy: policy, deadline: deadline, input: .pixels([]))
        job.stage = stage
        return job
    }

    /// Costs of a group: some fixed, some per sample, so that larger groups pay unless `fixed` is 0.
    private func next(_ scheduler: inout some GroupScheduler, now: Int64 = 0, fixed: Int64 = 1000, perSample: Int64 = 10) -> (Int, [Int])? {
        scheduler.next(now: now) { _, count in fixed + perSample * Int64(count) }.map { ($0.stage, $0.jobs.map(\.ticket.sequence)) }
    }

    @Test func aLoneRequestRunsAtOnce() throws {
        var scheduler = StageScheduler(stages: 3, maximumBatch: 8)
        #expect(next(&scheduler) == nil)
        scheduler.append(job(1))
        let group = try #require(next(&scheduler))
        #expect(group == (0, [1]))
        #expect(scheduler.isEmpty)
    }

    @Test func theDeepestGoesFirst() throws {
        var scheduler = StageScheduler(stages: 3, maximumBatch: 3)
        scheduler.append(job(0, stage: 2))
        for id in 1..<5 { scheduler.append(job(id)) }
        #expect(try #require(next(&scheduler)) == (2, [0]))
        #expect(try #require(next(&scheduler)) == (0, [1, 2, 3]))
        #expect(try #require(next(&scheduler)) == (0, [4]))
    }

    @Test func newOnesAreTakenWhenNobodyIsDeeper() {
        var scheduler = StageScheduler(stages: 3, maximumBatch: 6)
        func appetite() -> Int { scheduler.appetite { _, count in 1000 + 10 * Int64(count) } }
        #expect(appetite() == 6)
        scheduler.append(job(0))
        #expect(appetite() == 5)
        scheduler.append(job(1, stage: 2))
        #expect(appetite() == 0)
    }

    @Test func aFewWhoWouldBeLeftBehindComeAlong() throws {
        // Two at a time are cheaper, more are not.
        func next(_ scheduler: inout StageScheduler) -> [Int]? {
            scheduler.next(now: 0) { _, count in Int64(count == 1 ? 100 : 60 * count) }?.jobs.map(\.ticket.sequence)
        }
        var scheduler = StageScheduler(stages: 1, maximumBatch: 8)
        for id in 0..<5 { scheduler.append(job(id)) }
        #expect(next(&scheduler) == [0, 1])
        #expect(next(&scheduler) == [2, 3, 4])
    }

    @Test func groupsAreOnlyAsLargeAsPays() throws {
        // Alone as cheap as together: one after the other, the deepest first, and each is done sooner.
        var scheduler = StageScheduler(stages: 2, maximumBatch: 8)
        for id in 0..<3 { scheduler.append(job(id)) }
        scheduler.append(job(3, stage: 1))
        #expect(try #require(next(&scheduler, fixed: 0)) == (1, [3]))
        for id in 0..<3 { #expect(try #require(next(&scheduler, fixed: 0)) == (0, [id])) }

        // Two at a time are cheaper, more are not.
        #expect(StageScheduler.payingSize(upTo: 8) { $0 == 1 ? 100 : Int64(60 * $0) } == 2)
        // Four are half as dear as one: what lies between, or was never seen, must not hide that.
        #expect(StageScheduler.payingSize(upTo: 7) { [100, 200, 300, 200][min($0, 4) - 1] + Int64(max(0, $0 - 4) * 60) } == 4)
        #expect(StageScheduler.payingSize(upTo: 8) { _ in 0 } == 1)
    }

    @Test func nobodyIsOvertakenForEver() {
        // A lone sample, and full groups of younger and deeper ones that come on and on.
        var scheduler = StageScheduler(stages: 3, maximumBatch: 2)
        scheduler.append(job(0))
        var runs = 0
        for round in 1... {
            scheduler.append(job(2 * round, stage: 2))
            scheduler.append(job(2 * round + 1, stage: 2))
            runs += 1
            if let group = next(&scheduler), group.1 == [0] { break }
            if runs > 100 { break }
        }
        #expect(runs == StageScheduler.patience + 1)

        // The same with deadlines that go before it.
        var urgent = StageScheduler(stages: 3, maximumBatch: 2)
        urgent.append(job(0))
        runs = 0
        for round in 1...100 {
            urgent.append(job(round, stage: 1, deadline: Int64(round)))
            runs += 1
            if let group = next(&urgent), group.1 == [0] { break }
        }
        #expect(runs == StageScheduler.patience + 1)
    }

    @Test func theEarliestDeadlineGoesFirstInAGroupThatMeetsIt() throws {
        var scheduler = StageScheduler(stages: 3, maximumBatch: 8)
        for id in 0..<5 { scheduler.append(job(id)) }
        scheduler.append(job(5, deadline: 10_000))
        scheduler.append(job(6, deadline: 1035))
        scheduler.append(job(7, stage: 1))
        // 1000 and ten a sample: three samples meet the deadline of 1035, the urgent one among them.
        #expect(try #require(next(&scheduler)) == (0, [6, 0, 1]))
        #expect(try #require(next(&scheduler)) == (0, [5, 2, 3, 4]))
        #expect(try #require(next(&scheduler)) == (1, [7]))
        #expect(scheduler.isEmpty)
    }

    @Test func everySampleIsHandedOutOnce() {
        for fixed: Int64 in [0, 1000] {
            var generator = SeededGenerator(seed: 4)
            var scheduler = StageScheduler(stages: 4, maximumBatch: 5)
            var out: [Int] = []
            for id in 0..<500 {
                let deadline = Bool.random(using: &generator) ? Int64.random(in: 0...5000, using: &generator) : nil
                scheduler.append(job(id, stage: Int.random(in: 0..<4, using: &generator), deadline: deadline))
                if Bool.random(using: &generator), let group = next(&scheduler, now: Int64(id), fixed: fixed) {
                    #expect((1...5).contains(group.1.count))
                    out += group.1
                }
            }
            while let group = next(&scheduler, fixed: fixed) { out += group.1 }
            #expect(out.sorted() == Array(0..<500))
        }
    }

    @Test func aBatchGoesThroughAllStagesBeforeTheNext() throws {
        var scheduler = BatchScheduler(maximumBatch: 3)
        let jobs = (0..<5).map { job($0) }
        jobs.prefix(4).forEach { scheduler.append($0) }
        #expect(try #require(next(&scheduler)) == (0, [0, 1, 2]))
        // One has left; another one comes.
        for id in [0, 2] {
            jobs[id].stage = 1
            scheduler.append(jobs[id])
        }
        scheduler.append(jobs[4])
        #expect(scheduler.holdsAnswers)
        #expect(try #require(next(&scheduler)) == (1, [0, 2]))
        #expect(!scheduler.holdsAnswers)
        #expect(try #require(next(&scheduler)) == (0, [3, 4]))
        #expect(scheduler.isEmpty)
        #expect(next(&scheduler) == nil)
    }

    @Test func aDeadlineWaitsForASlotBeforeOthersButNotForEver() {
        var backlog = Backlog()
        for id in 0..<3 { backlog.append(job(id)) }
        for id in 100..<120 { backlog.append(job(id, deadline: 1)) }
        var order: [Int] = []
        while let job = backlog.popFirst() { order.append(job.ticket.sequence) }
        #expect(order == Array(100..<108) + [0] + Array(108..<116) + [1] + Array(116..<120) + [2])
        #expect(backlog.isEmpty)
    }

    @Test func predictionsFollowWhatIsMeasured() {
        var times = StageTimes(stages: 2, maximumCount: 8)
        #expect(times.predicted(stage: 0, count: 4) == 0)
        for _ in 0..<100 { times.record(stage: 0, count: 1, nanoseconds: 1000) }
        #expect((1000...1100).contains(times.predicted(stage: 0, count: 1)))
        // Never seen: as many times the lone sample.
        #expect((8000...8800).contains(times.predicted(stage: 0, count: 8)))
        for _ in 0..<100 { times.record(stage: 0, count: 8, nanoseconds: 4000) }
        #expect((4000...4400).contains(times.predicted(stage: 0, count: 8)))
        for index in 0..<200 { times.record(stage: 1, count: 1, nanoseconds: index % 2 == 0 ? 1000 : 3000) }
        // Mean 2000, deviation 1000.
        #expect((3000...5000).contains(times.predicted(stage: 1, count: 1)))
    }
}
