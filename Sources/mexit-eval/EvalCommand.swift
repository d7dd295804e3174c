import ArgumentParser
import Foundation
import MExitCalibration
import MExitCheckpoint
import MExitCommand
import MExitData
import MExitIR
import MExitRuntime

@main
struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mexit-eval",
        abstract: "Measures a model on labelled images: accuracy per exit, and accuracy, cost and speed of exit policies.",
        discussion: """
            Prints for every exit its accuracy when all samples take it, then for every --policy what real early exits give: \
            accuracy, mean multiply-adds, share saved, images per second, and where samples left. Images per second include \
            bringing pixels into the network and choosing the exit, not reading and decoding files.

            Choose thresholds on held-out training images (--split validation, with the --validation and --seed of the training), \
            and use the test split for the figure you report, once.
            """,
        version: MExitVersion.text(tool: "mexit-eval"))

    @Argument(help: "The model.")
    var model: String

    @Option(help: ArgumentHelp("Labelled images: images:DIR, cifar10:DIR, cifar100:DIR or idx:DIR.", valueName: "kind:dir"))
    var data: String

    @Option(help: "Which part of the data: test, validation or train.")
    var split: Split = .test

    @Option(help: ArgumentHelp("Images that were held out of training, for --split validation and train.", valueName: "count"))
    var validation: Int = 0

    @Option(help: "Seed that chose the images held out.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("Evaluate this policy: \(ExitPolicy.textForms). May be repeated.", valueName: "policy"))
    var policy: [String] = []

    @Option(help: ArgumentHelp("Samples under way at once.", valueName: "count"))
    var batch: Int = 64

    @Option(help: ArgumentHelp("Threads; all cores by default.", valueName: "count"))
    var threads: Int = ProcessInfo.processInfo.activeProcessorCount

    @Option(help: "What to do with an image that does not decode: skip (it is counted) or refuse.")
    var onBadImage: BadImagePolicy = .skip

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard (1...1024).contains(threads) else { throw ValidationError("--threads is \(threads); give 1 ... 1024") }
        guard (1...65536).contains(batch) else { throw ValidationError("--batch is \(batch); give 1 ... 65536") }
        guard validation >= 0 else { throw ValidationError("--validation is \(validation); give 0 or more") }
    }

    func run() throws {
        try reportingErrors {
            let compiled = try CompiledModel(try Checkpoint.read(path: model))
            let policies = try policy.map { ($0, try ExitPolicy(text: $0, for: compiled)) }
            let images = try loadImages(for: compiled)
            let evaluator = try Evaluator(compiled, data: images, batch: batch, threads: threads)
            let report = EvalReport(
                model: model, data: images.name, samples: images.count, skipped: images.skipped.count, threads: threads,
                exits: try evaluator.exits(), policies: try policies.map { try evaluator.evaluate($0.1, name: $0.0) })
            try StandardOutput.write(json ? try jsonText(report) : report.text())
        }
    }

    private func loadImages(for model: CompiledModel) throws -> DataSet {
        let shape = model.inputShape
        let options = LoadOptions(
            imageSize: ImageSize(height: shape.height, width: shape.width),
            classNames: model.classNames.isEmpty ? nil : model.classNames, onBadImage: onBadImage, validation: validation,
            seed: seed, threads: threads)
        let images = try DataSource(parsing: data).load(split, options)
        for skipped in images.skipped { StandardError.write("skipped: \(skipped.error)\n") }
        return images
    }
}

extension Split: ExpressibleByArgument {}
extension BadImagePolicy: ExpressibleByArgument {}
