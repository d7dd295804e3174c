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
    private var history: TrainingHistory?
    /// Whether a resumed run has not found the epochs before it, and which came first here.
    public private(set) var missingEpochs = 0

    /// - Parameter metricsPath: where a resumed run finds the epochs before it; nil: the report begins where the run does.
    public init(path: String, facts: MetricsFile.Facts, metricsPath: String? = nil) {
        self.path = path
        self.facts = facts
        self.metricsPath = metricsPath
    }

    public func trainingStarted(_ report: RunReport) {
        var history = TrainingHistory(facts: facts, run: report)
        if report.firstStep > 0, let metricsPath, let text = try? Data(contentsOf: URL(filePath: metricsPath)) {
            history.addEpochs(ofMetrics: String(decoding: text, as: UTF8.self))
        }
        self.history = history
        missingEpochs = report.firstStep / max(1, report.stepsPerEpoch) - history.epochs.count
        // What stands there may tell of them.
        if missingEpochs <= 0 { write() }
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
