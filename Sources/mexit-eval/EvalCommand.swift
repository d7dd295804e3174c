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
            Prints for every exit its accuracy, time and calibration error when all samples take it, and how often it is right where \
            the last exit is wrong. Then, for every policy, what real early exits give: accuracy, mean multiply-adds, share saved, \
            images per second, and where samples left. Images per second include bringing pixels into the network and choosing the \
            exit, not reading and decoding files. --json adds the confusion matrix of each exit.

            Choose thresholds with mexit-calibrate on held-out training images, and use the test split for the figure you report, once.
            """,
        version: MExitVersion.text(tool: "mexit-eval"))

    @Argument(help: "The model.")
    var model: String

    @OptionGroup var data: LabelledDataOptions

    @Option(help: ArgumentHelp("Evaluate this policy: \(ExitPolicy.textForms). May be repeated.", valueName: "policy"))
    var policy: [String] = []

    @Flag(help: "Evaluate every operating point stored in the model.")
    var operatingPoints = false

    @Option(help: ArgumentHelp("Evaluate, for each of these mean costs per image, the stored operating point that comes nearest from below: 8M,10M.", valueName: "macs,..."))
    var budgetMacs: BudgetsArgument?

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
            let stored = try Checkpoint.read(path: model)
            let compiled = try CompiledModel(stored)
            let policies = try policies(for: compiled)
            let images = try data.load(for: compiled, provenance: stored.provenance, usual: .test, threads: threads)
            let evaluator = try Evaluator(compiled, data: images, batch: batch, threads: threads)
            let anytime = try evaluator.anytime()
            let results = try policies.map { try evaluator.evaluate($0.policy, name: $0.name) }
            if let report {
                let page = EvaluationPage(
                    model: model.split(separator: "/").last.map(String.init) ?? model, data: images.name, samples: images.count,
                    classNames: images.classNames, anytime: anytime, policies: results)
                try writeFile(page.render(), to: report)
            }
            let summary = EvalReport(
                model: model, data: images.name, samples: images.count, skipped: images.skipped.count, threads: threads, anytime: anytime,
                policies: results)
            try StandardOutput.write(json ? try jsonText(summary) : summary.text())
        }
    }

    /// What was asked for, each policy once, in the order of the options.
    private func policies(for model: CompiledModel) throws -> [(name: String, policy: ExitPolicy)] {
        var texts = policy
        if operatingPoints { texts += model.policies.map { "calibrated:\($0.name)" } }
        for budget in budgetMacs?.macs ?? [] {
            // A point that has no expected cost was not calibrated for one.
            let affordable = model.policies.filter { $0.expectedMACs > 0 && $0.expectedMACs <= budget }
            guard let best = affordable.max(by: { $0.expectedMACs < $1.expectedMACs }) else {
                let known = model.policies.filter { $0.expectedMACs > 0 }.map { "\($0.name) (\(SINumber.format($0.expectedMACs)))" }
                throw EvaluationError(
                    "cannot evaluate at \(SINumber.format(budget)) MACs: no stored operating point costs that little; there are \(known.isEmpty ? "none" : known.joined(separator: ", ")); make one with mexit-calibrate --target-macs")
            }
            texts.append("calibrated:\(best.name)")
        }
        var seen = Set<String>()
        return try texts.filter { seen.insert($0).inserted }.map { ($0, try ExitPolicy(text: $0, for: model)) }
    }
}

/// Costs on the command line: `8M`, or `8M,10M`.
struct BudgetsArgument: ExpressibleByArgument {
    let macs: [Double]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { SINumber(argument: String($0)) }
        macs = parts.compactMap { $0?.value }
        if macs.count != parts.count { return nil }
    }
}
