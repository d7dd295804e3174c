import MExitRuntime

/// Counts of everything since the start; shared by all threads.
final class Statistics: Sendable {
    /// One moment's counts.
    struct Snapshot: Sendable {
        var uptime: Int64 = 0
        /// Lines that were read, blank ones not counted.
        var requests = 0
        /// Samples that were answered.
        var answers = 0
        var errors: [RequestError.Code: Int] = [:]
        /// Answers per stage's exit.
        var exits: [Int]
        var macs = 0
        var macsSaved = 0
        /// Nanoseconds from read to answered, over all answers.
        var latencySum: Int64 = 0
        var latencyMaximum: Int64 = 0
        /// Group runs, samples in them, and nanoseconds, per stage.
        var runs: [Int]
        var samples: [Int]
        var times: [Int64]
        /// Requests read and not yet fully answered.
        var underWay = 0
    }

    private let started = MonotonicTime.now()
    private let state: Monitor<Snapshot>
    private let stageOfExit: [Int: Int]
    private let exits: [Int]

    init(model: CompiledModel) {
        let zeros = Array(repeating: 0, count: model.stageCount)
        state = Monitor(Snapshot(exits: zeros, runs: zeros, samples: zeros, times: zeros.map(Int64.init)))
        exits = model.exits
        stageOfExit = Dictionary(uniqueKeysWithValues: model.exits.enumerated().map { ($0.element, $0.offset) })
    }

    func recordRequest() { state.withLock { $0.requests += 1 } }

    func recordError(_ code: RequestError.Code) { state.withLock { $0.errors[code, default: 0] += 1 } }

    func recordAnswer(_ answer: Answer, nanoseconds: Int64) {
        let stage = stageOfExit[answer.exit] ?? 0
        state.withLock {
            $0.answers += 1
            $0.exits[stage] += 1
            $0.macs += answer.macs
            $0.macsSaved += answer.macsSaved
            $0.latencySum += nanoseconds
            $0.latencyMaximum = max($0.latencyMaximum, nanoseconds)
        }
    }

    func recordRun(stage: Int, samples: Int, nanoseconds: Int64) {
        state.withLock {
            $0.runs[stage] += 1
            $0.samples[stage] += samples
            $0.times[stage] += nanoseconds
        }
    }

    func snapshot(underWay: Int) -> Snapshot {
        var snapshot = state.withLock { $0 }
        snapshot.uptime = MonotonicTime.now() - started
        snapshot.underWay = underWay
        return snapshot
    }
}

extension Statistics.Snapshot {
    func write(to writer: inout JSONWriter) {
        writer.member("uptime_ms", milliseconds: uptime)
        writer.member("requests", requests)
        writer.member("under_way", underWay)
        writer.member("answers", answers)
        writer.key("errors")
        writer.object { writer in
            for (code, count) in errors.sorted(by: { $0.key.rawValue < $1.key.rawValue }) { writer.member(code.rawValue, count) }
        }
        writer.key("exits")
        writer.array(exits) { $0.number($1) }
        writer.member("macs", macs)
        writer.member("macs_saved", macsSaved)
        writer.member("latency_mean_ms", milliseconds: answers > 0 ? latencySum / Int64(answers) : 0)
        writer.member("latency_max_ms", milliseconds: latencyMaximum)
        writer.key("stages")
        writer.array(runs.indices) { [self] writer, stage in
            writer.object {
                $0.member("runs", runs[stage])
                $0.member("samples", samples[stage])
                $0.member("compute_ms", milliseconds: times[stage])
            }
        }
    }
}
