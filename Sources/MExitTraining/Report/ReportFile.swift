#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
import MExitCheckpoint

/// Writes the run as an HTML page at the end of every epoch, whole or not at all, so that it can be watched in a browser.
public final class ReportFile: TrainingObserver {
    /// Why the last write failed, nil while all is well. Losing the report is no reason to lose the training.
    public private(set) var failure: String?
    private let path: String
    private let metricsPath: String?
    private let facts: MetricsFile.Facts
    private let warn: (String) -> Void
    private var history: TrainingHistory?

    /// - Parameters:
    ///   - metricsPath: where a resumed run finds the epochs before it; nil: the report begins where the run does.
    ///   - warn: told which epochs before a resumed run are not there.
    public init(path: String, facts: MetricsFile.Facts, metricsPath: String? = nil, warn: @escaping (String) -> Void = { _ in }) {
        self.path = path
        self.facts = facts
        self.metricsPath = metricsPath
        self.warn = warn
    }

    public func trainingStarted(_ report: RunReport) {
        var history = TrainingHistory(facts: facts, run: report)
        // Not of a pipe, which this process may itself write to: reading it would never end.
        if report.firstStep > 0, let metricsPath, isRegularFile(metricsPath), let text = try? Data(contentsOf: URL(filePath: metricsPath)) {
            history.addEpochs(ofMetrics: String(decoding: text, as: UTF8.self))
        }
        self.history = history
        let before = 1..<report.firstStep / max(1, report.stepsPerEpoch) + 1
        let missing = before.count - Set(history.epochs.map(\.epoch)).intersection(before).count
        guard missing > 0 else { return write() }
        // The page that stands there may tell of them.
        warn("the report will lack \(missing) of the \(before.count) epochs before; give --metrics with the file that has them")
    }

    public func epochEnded(_ report: EpochReport, state: TrainerState) {
        history?.add(EpochLine(report))
        write()
    }

    private func write() {
        guard let history else { return }
        do {
            try AtomicFile.write(Array(HTMLReport(history: history).text.utf8), to: path)
            failure = nil
        } catch {
            failure = "cannot write the report: \(error)"
        }
    }
}
