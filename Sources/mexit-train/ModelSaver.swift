import MExitCheckpoint
import MExitIR
import MExitTraining

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Writes the model (and the training state, if wished) at the end of every epoch, so that a run that stops leaves the last
/// good one; and the state when it is interrupted.
final class ModelSaver: TrainingObserver {
    /// The epoch whose model was written last, and its results on the held-out images.
    private(set) var last: (epoch: Int, validation: [ExitTally])?
    private let path: String
    private let statePath: String?
    private var stateStep: Int?
    private let trainer: Trainer
    private let classNames: [String]
    private var provenance: Provenance

    /// - Throws: when the model breaks a rule of the format (a class name of control characters): better at the beginning
    ///   than behind an hour of training.
    init(path: String, statePath: String?, trainer: Trainer, classNames: [String], provenance: Provenance) throws {
        self.path = path
        self.statePath = statePath
        self.trainer = trainer
        self.classNames = classNames
        self.provenance = provenance
        _ = try Checkpoint.bytes(try trainer.model(classNames: classNames, provenance: provenance))
    }

    func epochEnded(_ report: EpochReport, state: TrainerState) throws {
        try save(epoch: report.epoch, validation: report.validation)
        try saveState()
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
        try trainer.checkpoint(classNames: classNames, provenance: provenance).write(to: statePath)
        stateStep = trainer.state.step
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
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
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
