import Logging
import MExitParallel
import MExitRuntime
import Synchronization

/// One run of a server: what its threads share, from the first request to the last answer.
final class Session: Sendable {
    private struct Models {
        /// The one that takes requests, and all whose threads were started.
        var newest: Generation
        var all: [Generation]
        var hasEnded = false
    }

    let statistics: Statistics
    let gate: AdmissionGate
    let writer: OutputWriter
    let decodeQueue = WorkQueue<DecodeTask>()
    private let options: ServerOptions
    private let log: Logger
    private let models: Mutex<Models>

    init(_ model: ServedModel, options: ServerOptions, output: Int32, log: Logger) throws {
        let statistics = Statistics(stages: model.compiled.stageCount)
        let gate = AdmissionGate(
            maximumRequests: options.maximumQueue, maximumBytes: options.maximumBytesUnderWay, sheds: options.sheds)
        let writer = OutputWriter(descriptor: output, options: options, statistics: statistics) { items in
            gate.leave(items.lazy.filter(\.isLast).map(\.ticket.room))
        }
        self.options = options
        self.log = log
        self.statistics = statistics
        self.gate = gate
        self.writer = writer
        let first = try Generation(model, options: options, sink: writer, statistics: statistics)
        models = Mutex(Models(newest: first, all: [first]))
    }

    /// The model that takes requests.
    var generation: Generation { models.withLock { $0.newest } }

    func snapshot() -> Statistics.Snapshot { statistics.snapshot(underWay: gate.requestsUnderWay) }

    /// Lets another model take the requests to come; those under way stay with theirs.
    ///
    /// Returns when the old model has answered what it was given.
    ///
    /// - Throws: ``RuntimeError`` when the model is not one that clients can take for the other, or memory is short. The old
    ///   one goes on then.
    func exchange(_ model: ServedModel) throws {
        let old = generation.model.compiled
        guard model.compiled.inputShape == old.inputShape else {
            throw RuntimeError(.badUse, "its input is \(model.compiled.inputShape); requests are made for \(old.inputShape), so start the server anew for it")
        }
        guard model.compiled.classNames == old.classNames, model.compiled.classCount == old.classCount else {
            throw RuntimeError(.badUse, "its classes are others than those that were told; start the server anew for it")
        }
        _ = try CheckedPolicy(try options.policy(model.compiled), for: model.compiled)
        let next = try Generation(model, options: options, sink: writer, statistics: statistics)
        let retired = models.withLock { models -> Generation in
            models.all.append(next)
            if models.hasEnded { return next }
            defer { models.newest = next }
            return models.newest
        }
        retired.retire()
        statistics.recordReload(succeeded: true)
        log.info("reloaded", metadata: ["model": "\(model.name)", "exits": "\(model.compiled.stageCount)"])
        // Its memory is free before the next reload takes more.
        retired.join()
        models.withLock { $0.all.removeAll { $0 === retired } }
    }

    /// No more requests come: waits until all are answered.
    func drain() {
        let last = models.withLock {
            $0.hasEnded = true
            return $0.newest
        }
        last.retire()
        for generation in models.withLock({ $0.all }) { generation.join() }
    }

    /// Nobody can be answered any more: forgets what is under way.
    func abandon() {
        gate.close()
        decodeQueue.abandon()
        for generation in models.withLock({ $0.all }) { generation.abandon() }
    }
}
