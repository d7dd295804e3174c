import ArgumentParser
import Foundation
import MExitCalibration
import MExitCheckpoint
import MExitCommand
import MExitData
import MExitIR
import MExitRuntime

@main
struct CalibrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mexit-calibrate",
        abstract: "Chooses when samples leave, for a cost, an accuracy or a proved risk, and stores it in the model by name.",
        discussion: """
            Runs held-out images through the whole network once, fits a temperature per exit, and finds thresholds for each wish. The \
            operating points are stored with --out and used as `--policy calibrated:NAME` by mexit-eval and mexit-serve; tables of \
            what going deeper brings are stored too. Points of other names stay in the model.

            Use images that the model was not trained on: by default the validation images that its training held out. Keep the test \
            images for the figure you report. Names: 20M for --target-macs 20M, accuracy-0.9, full-0.003, gap-0.01 or \
            disagreement-0.01, sweep-1 ... sweep-N.

            Ends with 1 when a wish cannot be met; the message names the nearest that can.
            """,
        version: MExitVersion.text(tool: "mexit-calibrate"))

    @Argument(help: "The model.")
    var model: String

    @OptionGroup var data: LabelledDataOptions
    @OptionGroup var wishes: WishOptions

    @Option(help: ArgumentHelp("Write the model with its operating points here; it may be the same file. Without it nothing is stored.", valueName: "file"))
    var out: String?

    @Option(help: ArgumentHelp("Write a page with pictures here (HTML, stands alone).", valueName: "file.html"))
    var report: String?

    @Option(help: ArgumentHelp("Samples under way at once.", valueName: "count"))
    var batch: Int = 64

    @Option(help: ArgumentHelp("Threads; all cores by default.", valueName: "count"))
    var threads: Int = ProcessInfo.processInfo.activeProcessorCount

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard (1...1024).contains(threads) else { throw ValidationError("--threads is \(threads); give 1 ... 1024") }
        guard (1...65536).contains(batch) else { throw ValidationError("--batch is \(batch); give 1 ... 65536") }
    }

    func run() throws {
        try reportingErrors {
            let reader = try CheckpointReader(path: model)
            var stored = try reader.readModel()
            let compiled = try CompiledModel(stored)
            guard compiled.stageCount > 1 else {
                throw CalibrationError("cannot calibrate '\(model)': it has one exit; there is nothing to choose")
            }
            let images = try data.load(for: compiled, provenance: stored.provenance, usual: .validation, threads: threads)
            let logits = try ExitLogits.collect(compiled, data: images, batch: batch, threads: threads)
            if let trials = wishes.trials {
                try printTrials(trials, logits)
                return
            }
            let calibrator = try Calibrator(logits, options: wishes.options(threads: threads, date: try date()))
            let result = try calibrator.run(try wishes.wishes())
            if let out {
                let names = Set(result.points.map(\.name))
                stored.policies = stored.policies.filter { !names.contains($0.name) } + result.points.map(\.policy)
                stored.gainTables = result.gainTables
                try Checkpoint.write(stored, to: out, storage: try storage(of: stored, from: reader))
            }
            if let report {
                let page = try result.page(model: lastComponent(model), logits: logits, data: images)
                try writeFile(page, to: report)
            }
            try StandardOutput.write(json ? try jsonText(result) : CalibrationText(result).text())
        }
    }

    /// The precision that the file's weights have, where it holds these very numbers again; else f32, which always does: the
    /// thresholds are true for the weights that they were chosen with.
    private func storage(of model: Model, from reader: CheckpointReader) throws -> TensorStorage {
        guard let storage = reader.container.segments.first(where: { $0.dimensions.count > 1 })?.storage, storage != .f32 else { return .f32 }
        return try Checkpoint.read(bytes: Checkpoint.bytes(model, storage: storage)).tensors == model.tensors ? storage : .f32
    }

    private func printTrials(_ trials: Int, _ logits: ExitLogits) throws {
        guard let wish = try wishes.risks().first else { return }
        let result = try RiskTrials.run(
            logits, wish, method: wishes.measure.method ?? .confidence, samples: wishes.trialSamples, trials: trials, seed: wishes.shuffleSeed,
            threads: threads)
        try StandardOutput.write(json ? try jsonText(result) : CalibrationText.text(result, wish))
    }

    /// The time, or what SOURCE_DATE_EPOCH says where a file must come out the same again (reproducible-builds.org).
    private func date() throws -> String {
        var now = Date()
        if let text = ProcessInfo.processInfo.environment["SOURCE_DATE_EPOCH"] {
            guard let seconds = Int64(text), (0...253_402_300_799).contains(seconds) else {
                throw CalibrationError("SOURCE_DATE_EPOCH is '\(text)'; it must be seconds since 1970, in the years to 9999")
            }
            now = Date(timeIntervalSince1970: TimeInterval(seconds))
        }
        return ISO8601DateFormatter().string(from: now)
    }
}

private func lastComponent(_ path: String) -> String { path.split(separator: "/").last.map(String.init) ?? path }
