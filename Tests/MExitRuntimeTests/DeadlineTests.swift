import Foundation
import MExitIR
import MExitParallel
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
    private let reading: Int64 = 1200

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
        // Of 16 quick and 2 slow runs the slowest counts at once: the longest delay of any stage may strike this one.
        try context.measureStages(runs: 2)
        #expect(context.predictedTime(ofStage: 1) == .nanoseconds(macs[1] + 2 * (macs.max() ?? 0)))
        clock.nanosecondsPerMAC = 1
        try context.measureStages(runs: 2 * StageTimes.window)
        #expect(context.predictedTime(ofStage: 1) == .nanoseconds(macs[1]))
        // Groups are times of their own.
        clock.nanosecondsPerMAC = 2
        try context.measureStages(runs: 1, group: 2)
        #expect(context.predictedTime(ofStage: 1) == .nanoseconds(macs[1]))
        #expect(context.predictedTime(ofStage: 1, samples: 2) == .nanoseconds(4 * macs[1]))
        // Only stage 0 runs: it shows that the machine has become slower.
        clock.nanosecondsPerMAC = 3
        for _ in 0..<StageTimes.window { _ = try context.classify(input, policy: .exit(0)) }
        #expect(context.predictedTime(ofStage: 1) >= .nanoseconds(3 * macs[1]))
    }
}

@Suite struct StageTimesTests {
    @Test func theTimeThatOneRunInAHundredExceeds() {
        var times = StageTimes(costs: [10, 30], maximumCount: 8)
        #expect(times.predicted(stage: 0, count: 4) == 0 && times.risk(stage: 0, count: 4, within: 0) == 0)
        for _ in 0..<StageTimes.window { times.record(stage: 0, count: 1, nanoseconds: 1000) }
        #expect(times.predicted(stage: 0, count: 1) == 1000)
        #expect(times.risk(stage: 0, count: 1, within: 1000) == 0 && times.risk(stage: 0, count: 1, within: 999) == 1)
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
        // A stage of three times the work is struck three times as often.
        #expect(times.predicted(stage: 1, count: 1) == 3000 + 49_000)
        for _ in 0..<StageTimes.window { times.record(stage: 0, count: 1, nanoseconds: 500) }
        #expect(times.predicted(stage: 0, count: 1) == 500)
    }

    /// The share of all runs that were delayed for longer, by the work of the stage.
    @Test func riskIsPerWork() {
        var times = StageTimes(costs: [1, 4], maximumCount: 1)
        for run in 0..<400 {
            times.record(stage: 0, count: 1, nanoseconds: run % 50 == 10 ? 1100 : 100)
            times.record(stage: 1, count: 1, nanoseconds: 400)
        }
        // 8 delays in 400 x 500 ns of work, some of them among the 128 newest runs of stage 0.
        let common = { (work: Double) in 8 * work / 200_000 }
        let own = Double((272..<400).count { $0 % 50 == 10 }) / 128
        #expect(abs(times.risk(stage: 0, count: 1, within: 100) - (common(100) + own) / 2) < 0.001)
        #expect(abs(times.risk(stage: 1, count: 1, within: 400) - common(400) / 2) < 0.001)
        #expect(times.risk(stage: 0, count: 1, within: 1100) == 0)
    }

    /// A stage that has not run while the machine was busy, or has run only then, is judged by those that run.
    @Test func whatHasNotRunFollowsWhatRuns() {
        var times = StageTimes(costs: [1, 1], maximumCount: 1)
        for _ in 0..<200 { for stage in 0..<2 { times.record(stage: stage, count: 1, nanoseconds: 1000) } }
        // Three of a hundred runs are interrupted: too many for either stage.
        for run in 0..<1000 { times.record(stage: 0, count: 1, nanoseconds: run % 33 == 0 ? 5000 : 1000) }
        #expect(times.predicted(stage: 1, count: 1) == 5000)
        for _ in 0..<50 { times.record(stage: 1, count: 1, nanoseconds: 5000) }
        for _ in 0..<StageTimes.delayWindow { times.record(stage: 0, count: 1, nanoseconds: 1000) }
        // The machine is free again: nothing of the delays is left, though the stage itself has not run.
        #expect(times.predicted(stage: 1, count: 1) == 1000)
        // Twice as slow as then.
        for _ in 0..<2 * StageTimes.delayWindow { times.record(stage: 0, count: 1, nanoseconds: 2000) }
        #expect(times.predicted(stage: 1, count: 1) == 2000)
    }
}

@Suite struct RiskAllowanceTests {
    /// One sample in a hundred may be late in the long run, whatever is asked for; nobody takes more than a twentieth.
    @Test func isSpentAndNotExceeded() {
        var generator = SeededGenerator(seed: 4)
        for largest in [0.002, 0.02, 0.2, 1.0] {
            var allowance = RiskAllowance()
            var (taken, refused) = (0.0, 0)
            for sample in 1...5000 {
                allowance.begin()
                while true {
                    let risk = Double.random(in: 0...largest, using: &generator)
                    let starts = allowance.take(risk)
                    #expect(!starts || risk <= 0.05)
                    if !starts {
                        refused += 1
                        break
                    }
                    taken += risk
                }
                #expect(taken <= 0.01 * Double(sample) + 1e-9)
            }
            #expect(refused == 5000 && (largest > 0.02 || taken > 0.9 * 0.01 * 5000))
        }
        var allowance = RiskAllowance()
        #expect(allowance.take(0) && !allowance.take(0.001))
        for _ in 0..<1000 { allowance.begin() }
        #expect((0..<10).filter { _ in allowance.take(0.05) }.count == 3)
    }
}

@Suite struct SortedWindowTests {
    /// Against sorting, on random values with many ties.
    @Test func equalsASortedSeries() {
        var generator = SeededGenerator(seed: 12)
        var window = SortedWindow(capacity: 128)
        var sums = SumWindow(capacity: 128)
        var all: [Double] = []
        for _ in 0..<2000 {
            all.append(Double(Int.random(in: 0...40, using: &generator)))
            window.record(all[all.count - 1])
            sums.record(all[all.count - 1])
            let newest = all.suffix(128).sorted()
            let rank = (99 * newest.count + 99) / 100
            #expect(window.quantile(0.99) == newest[rank - 1] && window.largest == newest.last)
            for limit in [-1.0, 0, 7, 7.5, 40] { #expect(window.count(above: limit) == newest.count { $0 > limit }) }
            #expect(window.count == newest.count && sums.sum == newest.reduce(0, +))
        }
    }
}

@Suite struct RealtimeThreadTests {
    /// Permitted or not, one of the two is true: the thread has what was asked for, or an error says what it takes.
    @Test func theThreadIsWhatItWasAskedToBe() async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            // On a thread of its own: tests share theirs.
            WorkerThread {
                do {
                    try RealtimeThread.enter()
                    #expect(Self.scheduling == [SCHED_FIFO, 1])
                    try RealtimeThread.leave()
                } catch {
                    #expect("\(error)".contains("ulimit -r"))
                }
                #expect(Self.scheduling == [SCHED_OTHER, 0])
                for level in [0, 100, -1] { #expect(throws: RuntimeError.self) { try RealtimeThread.enter(level: level) } }
                done.resume()
            }.detach()
        }
    }

    private static var scheduling: [Int32] {
        var (policy, parameters) = (Int32(-1), sched_param())
        pthread_getschedparam(pthread_self(), &policy, &parameters)
        return [policy, parameters.sched_priority]
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
