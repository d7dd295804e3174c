import MExitIR
import Testing
import _MExitTestSupport

@testable import MExitRuntime

/// A machine on which a multiply-add takes a fixed time and nothing else takes any.
///
/// Unchecked: the tests that use it run one thread.
private final class WorkClock: @unchecked Sendable {
    weak var context: InferenceContext?
    var nanosecondsPerMAC: Int64 = 1
    private var time: Int64 = 1_000_000
    private var macs = 0

    func now() -> MonotonicInstant {
        let done = context?.work.macs ?? 0
        time += Int64(done - macs) * nanosecondsPerMAC
        macs = done
        return MonotonicInstant(nanoseconds: time)
    }
}

@Suite struct DeadlineTests {
    private let model: CompiledModel
    private let input: Input
    private let clock = WorkClock()
    private let context: InferenceContext
    /// What reading an exit of ten classes is reckoned at.
    private let reading: Int64 = 2500

    init() throws {
        let tiny = try Networks.tiny()
        model = try CompiledModel(tiny)
        input = .values(Networks.input(tiny, seed: 1))
        context = try InferenceContext(model, slots: 2, clock: { [clock] in clock.now() })
        clock.context = context
    }

    private var macs: [Int64] { model.stageCosts.map { Int64($0.macs) } }

    /// The deepest stage that ends in time when one knows all times, and the time it ends.
    private func oracle(_ time: Int64) -> (stage: Int, end: Int64) {
        var (stage, end) = (0, macs[0])
        while stage + 1 < macs.count, end + macs[stage + 1] + reading <= time {
            stage += 1
            end += macs[stage]
        }
        return (stage, end)
    }

    @Test func theNewestExitThatFitsAnswers() throws {
        try context.measureStages()
        for stage in macs.indices { #expect(context.predictedTime(ofStage: stage) == .nanoseconds(macs[stage])) }
        let ends = macs.indices.map { macs[...$0].reduce(0, +) }
        for end in ends {
            for time in [end - 1, end, end + reading - 1, end + reading, end + reading + 1] {
                let start = clock.now()
                let deadline = start + .nanoseconds(time)
                let timed = try context.classify(input, policy: .last(of: model), deadline: deadline)
                let expected = oracle(time)
                #expect(timed.answer.stages == expected.stage + 1)
                #expect(timed.finished - start == .nanoseconds(expected.end))
                #expect(timed.isLate == (expected.end > time))
                let answers = Array(try context.anytime(input, deadline: clock.now() + .nanoseconds(time)))
                #expect(answers.count == expected.stage + 1 && answers.last == timed.answer)
            }
        }
        #expect(context.freeSlots == 2)
    }

    @Test func aDeadlineInThePastGivesTheFirstExitLate() throws {
        for deadline in [clock.now() + .seconds(-1), clock.now(), MonotonicInstant(nanoseconds: .min)] {
            let timed = try context.classify(input, policy: .last(of: model), deadline: deadline)
            #expect(timed.answer.exit == 0 && timed.isLate)
        }
        let timed = try context.classify(input, policy: .last(of: model), deadline: MonotonicInstant(nanoseconds: .max))
        #expect(timed.answer.exit == 4 && !timed.isLate)
    }

    @Test func thePolicyMayBeContentEarlier() throws {
        let timed = try context.classify(input, policy: .exit(1), deadline: clock.now() + .seconds(60))
        #expect(timed.answer.exit == 1 && !timed.isLate)
    }

    /// Nothing was measured: what stage 0 takes says what the others will.
    @Test func unmeasuredStagesAreScaled() throws {
        #expect(context.predictedTime(ofStage: 2) == .zero)
        let time = macs[0] + macs[1] + reading
        #expect(try context.classify(input, policy: .last(of: model), deadline: clock.now() + .nanoseconds(time)).answer.exit == 1)
        #expect(context.predictedTime(ofStage: 3) == .nanoseconds(macs[3]))
    }

    @Test func predictionsFollowTheMachine() throws {
        try context.measureStages()
        clock.nanosecondsPerMAC = 3
        // Of 16 quick and 2 slow runs the slowest counts at once; a whole window forgets the quick ones.
        try context.measureStages(runs: 2)
        #expect(context.predictedTime(ofStage: 1) == .nanoseconds(3 * macs[1]))
        clock.nanosecondsPerMAC = 1
        try context.measureStages(runs: StageTimes.window)
        #expect(context.predictedTime(ofStage: 1) == .nanoseconds(macs[1]))
        // Groups are times of their own.
        clock.nanosecondsPerMAC = 2
        try context.measureStages(runs: 1, group: 2)
        #expect(context.predictedTime(ofStage: 1) == .nanoseconds(macs[1]))
        #expect(context.predictedTime(ofStage: 1, samples: 2) == .nanoseconds(4 * macs[1]))
    }
}

@Suite struct StageTimesTests {
    @Test func aHighQuantileOfTheNewestTimes() {
        var times = StageTimes(costs: [10, 30], maximumCount: 8)
        #expect(times.predicted(stage: 0, count: 4) == 0)
        for _ in 0..<StageTimes.window { times.record(stage: 0, count: 1, nanoseconds: 1000) }
        #expect(times.predicted(stage: 0, count: 1) == 1000)
        // Never seen: as many times the lone sample; the other stage by its cost.
        #expect(times.predicted(stage: 0, count: 8) == 8000)
        #expect(times.predicted(stage: 1, count: 1) == 3000)
        times.record(stage: 0, count: 8, nanoseconds: 4000)
        #expect(times.predicted(stage: 0, count: 8) == 4000)
        // One in 128 may be slow, two may not.
        times.record(stage: 0, count: 1, nanoseconds: 50_000)
        #expect(times.predicted(stage: 0, count: 1) == 1000)
        times.record(stage: 0, count: 1, nanoseconds: 40_000)
        #expect(times.predicted(stage: 0, count: 1) == 40_000)
        for _ in 0..<StageTimes.window { times.record(stage: 0, count: 1, nanoseconds: 500) }
        #expect(times.predicted(stage: 0, count: 1) == 500)
    }

    /// Against sorting, on random times with many ties.
    @Test func equalsASortedWindow() {
        var generator = SeededGenerator(seed: 12)
        var times = StageTimes(costs: [1], maximumCount: 1)
        var all: [Int64] = []
        for _ in 0..<2000 {
            all.append(Int64.random(in: 0...40, using: &generator))
            times.record(stage: 0, count: 1, nanoseconds: all[all.count - 1])
            let window = all.suffix(StageTimes.window).sorted()
            let rank = (99 * window.count + 99) / 100
            #expect(times.predicted(stage: 0, count: 1) == window[rank - 1])
        }
    }
}

@Suite struct MonotonicInstantTests {
    @Test func staysWithinWhatCanBeSaid() {
        let early = MonotonicInstant(nanoseconds: .min)
        let late = MonotonicInstant(nanoseconds: .max)
        #expect(early + .seconds(-1) == early && late + .seconds(1) == late)
        #expect(late + .seconds(Int64.max) == late && early + .seconds(Int64.min) == early)
        #expect(MonotonicInstant(nanoseconds: 5) + .microseconds(2) == MonotonicInstant(nanoseconds: 2005))
        #expect(late - early == .nanoseconds(Int64.max) - .nanoseconds(Int64.min))
        #expect(MonotonicInstant.now <= MonotonicInstant.now)
    }
}
