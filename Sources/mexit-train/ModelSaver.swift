import MExitCheckpoint
import MExitCommand
import MExitIR
import MExitTraining

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Writes the model, and if wished the best one and the training state, at the end of every epoch, so that a run that stops leaves
/// the last good one; and the state when it is interrupted, and now and then within long epochs.
final class ModelSaver: TrainingObserver {
    /// The epoch whose model was written last, and its results on the held-out images.
    private(set) var last: (epoch: Int, validation: [ExitTally])?
    private let path: String
    private let bestPath: String?
    /// The epoch with the best mean accuracy over exits on the held-out images; the first of equals.
    private var best: (epoch: Int, accuracy: Double)?
    private let statePath: String?
    private let stateSeconds: Double
    private var stateStep: Int?
    private var stateTime = ContinuousClock.now
    private let trainer: Trainer
    private let classNames: [String]
    private var provenance: Provenance

    /// - Throws: when the model breaks a rule of the format (a class name of control characters): better at the beginning
    ///   than behind an hour of training.
    init(
        path: String, bestPath: String?, statePath: String?, stateSeconds: Double, trainer: Trainer, classNames: [String],
        provenance: Provenance
    ) throws {
        self.path = path
        self.bestPath = bestPath
        self.statePath = statePath
        self.stateSeconds = stateSeconds
        self.trainer = trainer
        self.classNames = classNames
        self.provenance = provenance
        _ = try Checkpoint.bytes(try trainer.model(classNames: classNames, provenance: provenance))
    }

    /// Goes on with the best epoch of a saved state, if its model is still there.
    ///
    /// - Throws: `TrainingError` when the classes have other names.
    func resume(from saved: TrainingState) throws {
        guard saved.model.classNames == classNames else {
            throw TrainingError(
                .mismatch, "cannot go on from the training state: its classes are \(saved.model.classNames), the data's \(classNames); name them as they were")
        }
        let known = saved.counters["best/epoch"].flatMap { epoch in saved.numbers["best/accuracy"].map { (epoch: Int(clamping: epoch), accuracy: $0) } }
        if let known, bestPath.map({ isOurs($0, since: known.epoch) }) ?? true {
            best = known
        } else if let bestPath, known != nil || trainer.state.step >= trainer.stepsPerEpoch {
            StandardError.write(
                "warning: '\(bestPath)' does not hold this run's best epoch so far\(known.map { ", \($0.epoch)" } ?? ", of which the state does not tell"); it will hold the best of those from here on\n")
        }
    }

    /// Whether a file is this run's model, of that epoch or, from a run that was killed before it wrote its state, a later one.
    private func isOurs(_ path: String, since epoch: Int) -> Bool {
        guard let found = try? CheckpointReader(path: path).description.provenance else { return false }
        return found.dataFingerprint == provenance.dataFingerprint && found.seed == provenance.seed
            && found.architecture == provenance.architecture && found.epochs >= epoch
    }

    func stepEnded(_ report: StepReport) throws {
        // The end of an epoch has its own save, behind its validation.
        if statePath != nil, trainer.state.step % trainer.stepsPerEpoch != 0, (ContinuousClock.now - stateTime) / .seconds(1) >= stateSeconds {
            try saveState()
        }
    }

    func epochEnded(_ report: EpochReport, state: TrainerState) throws {
        try save(epoch: report.epoch, validation: report.validation)
        try saveBest(epoch: report.epoch, validation: report.validation)
        // Last: a run killed before this point trains the epoch again and writes the same files again.
        try saveState()
    }

    private func saveBest(epoch: Int, validation: [ExitTally]) throws {
        if validation.isEmpty { return }
        let accuracy = validation.reduce(0) { $0 + $1.accuracy } / Double(validation.count)
        if let best, best.accuracy >= accuracy { return }
        // Without a file it is remembered all the same: a later part of the run that has one then knows whether it holds the best.
        if let bestPath { try Checkpoint.write(try trainer.model(classNames: classNames, provenance: provenance), to: bestPath) }
        best = (epoch, accuracy)
    }

    func trainingInterrupted(state: TrainerState) throws { try saveState() }

    /// Writes the model as it is.
    func save(epoch: Int, validation: [ExitTally]) throws {
        provenance.epochs = epoch
        provenance.validationAccuracy = validation.map(\.accuracy)
        try Checkpoint.write(try trainer.model(classNames: classNames, provenance: provenance), to: path)
        last = (epoch, validation)
    }

    private func saveState() throws {
        guard let statePath else { return }
        var saved = try trainer.checkpoint(classNames: classNames, provenance: provenance)
        if let best {
            saved.counters["best/epoch"] = UInt64(clamping: best.epoch)
            saved.numbers["best/accuracy"] = best.accuracy
        }
        try saved.write(to: statePath)
        stateStep = trainer.state.step
        stateTime = .now
    }

    /// What the files hold, for a run that did not finish.
    var summary: String {
        let model = last.map { "'\(path)' holds the model as it was after epoch \($0.epoch), the last good one" }
            ?? "'\(path)' was not written: no epoch was finished and saved"
        guard let statePath, let stateStep else { return model }
        return "\(model); the state at step \(stateStep) is in '\(statePath)': go on with --resume"
    }

    /// - Throws: `TrainingError` when no file could be put there, whole, under its final name.
    static func checkReplaceable(_ path: String) throws {
        var status = stat()
        if stat(path, &status) != 0 {
            if errno != ENOENT { throw TrainingError(.notWritable, "cannot write '\(path)': \(String(cString: strerror(errno))); give another path") }
        } else if status.st_mode & S_IFMT != S_IFREG {
            throw TrainingError(.notWritable, "cannot write '\(path)': it exists and is not a regular file; give another path")
        }
        try checkFolder(of: path)
    }

    /// - Throws: `TrainingError` when nothing could be written to the end of that file, which may be a pipe or a terminal.
    static func checkAppendable(_ path: String) throws {
        var status = stat()
        guard stat(path, &status) == 0 else { return try checkFolder(of: path) }
        if status.st_mode & S_IFMT == S_IFDIR {
            throw TrainingError(.notWritable, "cannot write '\(path)': it is a folder; give the path of a file")
        }
        guard access(path, W_OK) == 0 else {
            throw TrainingError(.notWritable, "cannot write '\(path)': \(String(cString: strerror(errno)))")
        }
    }

    private static func checkFolder(of path: String) throws {
        let directory = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        guard access(directory, W_OK | X_OK) == 0 else {
            throw TrainingError(.notWritable, "cannot write '\(path)': folder '\(directory)': \(String(cString: strerror(errno)))")
        }
    }
}
