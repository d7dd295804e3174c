import MExitParallel
import MExitRuntime

/// Counts of everything since the start; shared by all threads.
final class Statistics: Sendable {
    /// One moment's counts.
    struct Snapshot: Sendable {
        var uptime: Int64 = 0
        /// Requests that were read, blank lines not counted.
        var requests = 0
        /// Samples that were answered.
        var answers = 0
        /// Answers behind their deadline.
        var late = 0
        var errors: [RequestError.Code: Int] = [:]
        /// Reloads of the model, and reloads that failed.
        var reloads = 0
        var failedReloads = 0
        var macs = 0
        var macsSaved = 0
        /// Per answer: from read to answered, from read to its first stage, time of the stages it took part in.
        var latency = DurationHistogram()
        var queue = DurationHistogram()
        var compute = DurationHistogram()
        /// Per stage.
        var stages: [Stage] = []
        /// Groups that ran, per size; index 0 is size 1.
        var groups: [Int] = []
        /// Requests read and not yet fully answered.
        var underWay = 0
    }

    /// What happened at one stage.
    struct Stage: Sendable {
        /// Answers of its exit.
        var answers = 0
        /// Groups that ran it, samples in them, and nanoseconds.
        var runs = 0
        var samples = 0
        var time: Int64 = 0
    }

    /// One sample's way.
    struct Timing {
        var latency: Int64
        var queue: Int64
        var compute: Int64
        var isLate: Bool
    }

    private let started = MonotonicTime.now()
    private let state = Monitor(Snapshot())

    func recordRequest() { state.withLock { $0.requests += 1 } }

    func recordError(_ code: RequestError.Code) { state.withLock { $0.errors[code, default: 0] += 1 } }

    func recordReload(succeeded: Bool) { state.withLock { if succeeded { $0.reloads += 1 } else { $0.failedReloads += 1 } } }

    func recordAnswer(_ answer: Answer, _ timing: Timing) {
        state.withLock {
            $0.answers += 1
            if timing.isLate { $0.late += 1 }
            $0.grow(stages: answer.stages)
            $0.stages[answer.stages - 1].answers += 1
            $0.macs += answer.macs
            $0.macsSaved += answer.macsSaved
            $0.latency.record(nanoseconds: timing.latency)
            $0.queue.record(nanoseconds: timing.queue)
            $0.compute.record(nanoseconds: timing.compute)
        }
    }

    func recordRun(stage: Int, samples: Int, nanoseconds: Int64) {
        state.withLock {
            $0.grow(stages: stage + 1)
            $0.stages[stage].runs += 1
            $0.stages[stage].samples += samples
            $0.stages[stage].time += nanoseconds
            if $0.groups.count < samples { $0.groups += Array(repeating: 0, count: samples - $0.groups.count) }
            $0.groups[samples - 1] += 1
        }
    }

    /// - Parameter stages: of the model, so that stages that never ran are counted too.
    init(stages: Int) { state.withLock { $0.grow(stages: stages) } }

    func snapshot(underWay: Int) -> Snapshot {
        var snapshot = state.withLock { $0 }
        snapshot.uptime = MonotonicTime.now() - started
        snapshot.underWay = underWay
        return snapshot
    }
}

extension Statistics.Snapshot {
    fileprivate mutating func grow(stages count: Int) {
        while stages.count < count { stages.append(Statistics.Stage()) }
    }

    var errorCount: Int { errors.values.reduce(0, +) }

    /// Multiply-adds not done, of those that the whole network would have done; 0 ... 1.
    var shareSaved: Double { macs + macsSaved > 0 ? Double(macsSaved) / Double(macs + macsSaved) : 0 }

    func write(to writer: inout JSONWriter) {
        writer.member("uptime_ms", milliseconds: uptime)
        writer.member("requests", requests)
        writer.member("under_way", underWay)
        writer.member("answers", answers)
        writer.member("late", late)
        writer.key("errors")
        writer.object { writer in
            for (code, count) in errors.sorted(by: { $0.key.rawValue < $1.key.rawValue }) { writer.member(code.rawValue, count) }
        }
        writer.member("reloads", reloads)
        writer.member("failed_reloads", failedReloads)
        writer.key("exits")
        writer.array(stages) { $0.number($1.answers) }
        writer.member("macs", macs)
        writer.member("macs_saved", macsSaved)
        writer.member("latency", latency)
        writer.member("queue", queue)
        writer.member("compute", compute)
        writer.key("group_sizes")
        writer.object { writer in
            for (index, runs) in groups.enumerated() where runs > 0 { writer.member(String(index + 1), runs) }
        }
        writer.key("stages")
        writer.array(stages) { writer, stage in
            writer.object {
                $0.member("runs", stage.runs)
                $0.member("samples", stage.samples)
                $0.member("compute_ms", milliseconds: stage.time)
            }
        }
    }
}
