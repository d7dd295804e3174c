#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Logging
import MExitCheckpoint

/// Tells how a server does while it runs: a log line and the metrics file, at every interval and once more at the end.
final class Reporter: Sendable {
    /// Between two writings of the metrics file when no interval is asked for: what Prometheus scrapes by default is slower.
    static let metricsInterval = 10.0

    private let logInterval: Double?
    private let metricsFile: String?
    private let log: Logger
    private let wakeUp: WakeUp
    private let snapshot: @Sendable () -> (Statistics.Snapshot, ServedModel)

    /// - Parameter snapshot: called from the reporting thread.
    /// - Throws: when the metrics file cannot be written: better at the start than never.
    init(options: ServerOptions, log: Logger, snapshot: @escaping @Sendable () -> (Statistics.Snapshot, ServedModel)) throws {
        logInterval = options.statisticsInterval
        metricsFile = options.metricsFile
        self.log = log
        self.snapshot = snapshot
        wakeUp = try WakeUp()
        try writeMetrics()
    }

    private var isNeeded: Bool { logInterval != nil || metricsFile != nil }

    /// Runs until ``stop()``; returns at once when there is nothing to tell.
    func run() {
        guard isNeeded else { return }
        let interval = logInterval ?? Reporter.metricsInterval
        var last = snapshot().0
        while waitsOut(interval) {
            let now = snapshot().0
            if logInterval != nil { report(now, since: last) }
            last = now
            refreshMetrics()
        }
        refreshMetrics()
    }

    func stop() { wakeUp.ring() }

    /// False when it was stopped meanwhile.
    private func waitsOut(_ seconds: Double) -> Bool {
        let end = MonotonicTime.now() + Int64(seconds * 1e9)
        while true {
            let left = end - MonotonicTime.now()
            guard left > 0 else { return true }
            var polled = pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&polled, 1, Int32(min(left / 1_000_000 + 1, 1 << 30))) > 0 { return false }
        }
    }

    private func report(_ now: Statistics.Snapshot, since last: Statistics.Snapshot) {
        let seconds = Double(now.uptime - last.uptime) / 1e9
        func milliseconds(_ nanoseconds: Int64) -> Logger.MetadataValue { "\((Double(nanoseconds) / 1000).rounded() / 1000)" }
        log.info(
            "statistics",
            metadata: [
                "requests": "\(now.requests)", "answers": "\(now.answers)", "errors": "\(now.errorCount)", "late": "\(now.late)",
                "under_way": "\(now.underWay)",
                "answers_per_second": "\((Double(now.answers - last.answers) / seconds * 10).rounded() / 10)",
                "p50_ms": milliseconds(now.latency.percentile(50)), "p99_ms": milliseconds(now.latency.percentile(99)),
                "macs_saved_percent": "\((now.shareSaved * 1000).rounded() / 10)",
            ])
    }

    /// A disk that is full later is no reason to stop serving.
    private func refreshMetrics() {
        do {
            try writeMetrics()
        } catch {
            log.error("the metrics file was not written", metadata: ["error": "\(error)"])
        }
    }

    private func writeMetrics() throws {
        guard let metricsFile else { return }
        let (snapshot, model) = snapshot()
        try AtomicFile.write(Array(snapshot.prometheus(model: model).utf8), to: metricsFile)
    }
}
