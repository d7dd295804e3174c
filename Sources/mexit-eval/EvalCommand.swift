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
            time per image, and where samples left. Times include bringing pixels into the network and choosing the exit, not reading and \
            decoding files. --json adds the confusion matrix of each exit, --report draws it. Test images in folders are decoded a \
            part at a time: memory does not grow with their number.

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

    @Option(help: ArgumentHelp("Evaluate at these mean costs per image: 8M,10M.", valueName: "macs,..."))
    var budgetMacs: BudgetsArgument?

    @Option(help: "How --budget-macs is kept: threshold (the stored operating point that comes nearest from below; its cost is kept on average) or exact (no batch costs more; samples go deeper where the model's gain tables expect most of it).")
    var budgetMode: BudgetModeArgument = .threshold

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
            var evaluator: Evaluator?
            var (name, classNames) = ("", [String]())
            let skipped = try data.forEachPart(for: compiled, provenance: stored.provenance, usual: .test, threads: threads, atLeast: batch) { stream in
                (name, classNames) = (stream.name, stream.classNames)
                evaluator = try Evaluator(
                    compiled, policies: policies, samples: stream.count, batch: min(batch, max(stream.count, 1)), threads: threads)
            } _: { part in
                try evaluator?.add(part)
            }
            guard let evaluator else { return }
            let (anytime, results) = (evaluator.anytime, evaluator.policies)
            let samples = anytime.exits[0].samples
            if let report {
                let page = EvaluationPage(
                    model: model.split(separator: "/").last.map(String.init) ?? model, data: name, samples: samples, classNames: classNames,
                    anytime: anytime, policies: results)
                try writeFile(page.render(), to: report)
            }
            let summary = EvalReport(
                model: model, data: name, samples: samples, skipped: skipped, threads: threads, classNames: classNames, anytime: anytime,
                policies: results)
            try StandardOutput.write(json ? try jsonText(summary) : summary.text())
        }
    }

    /// What was asked for, each policy once, in the order of the options.
    private func policies(for model: CompiledModel) throws -> [EvaluatedPolicy] {
        var texts = policy
        if operatingPoints { texts += model.policies.map { "calibrated:\($0.name)" } }
        var exact: [Double] = []
        switch budgetMode {
        case .threshold: texts += try (budgetMacs?.macs ?? []).map { try operatingPoint(for: $0, of: model) }
        case .exact: exact = budgetMacs?.macs ?? []
        }
        var seen = Set<String>()
        return try texts.filter { seen.insert($0).inserted }.map { try EvaluatedPolicy(ExitPolicy(text: $0, for: model), for: model, name: $0) }
            + exact.map { try EvaluatedPolicy(exactMACs: $0, for: model) }
    }

    private func operatingPoint(for budget: Double, of model: CompiledModel) throws -> String {
        // A point that has no expected cost was not calibrated for one.
        let known = model.policies.filter { $0.expectedMACs > 0 }
        guard let best = known.filter({ $0.expectedMACs <= budget }).max(by: { $0.expectedMACs < $1.expectedMACs }) else {
            let names = known.map { "\($0.name) (\(SINumber.format($0.expectedMACs)))" }
            throw EvaluationError(
                "cannot evaluate at \(SINumber.format(budget)) MACs: no stored operating point costs that little; there are \(names.isEmpty ? "none" : names.joined(separator: ", ")); make one with mexit-calibrate --target-macs, or give --budget-mode exact")
        }
        return "calibrated:\(best.name)"
    }
}

enum BudgetModeArgument: String, CaseIterable, ExpressibleByArgument { case threshold, exact }

/// Costs on the command line: `8M`, or `8M,10M`.
struct BudgetsArgument: ExpressibleByArgument {
    let macs: [Double]

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { SINumber(argument: String($0)) }
        macs = parts.compactMap { $0?.value }
        if macs.count != parts.count { return nil }
    }
}
