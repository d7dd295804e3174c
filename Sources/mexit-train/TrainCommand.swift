import ArgumentParser
import MExitCheckpoint
import MExitCommand
import MExitData
import MExitIR
import MExitTraining

@main
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mexit-train",
        abstract: "Trains a multi-exit network and writes it as a .mexit file.",
        discussion: """
            The model is written at the end of every epoch. Ctrl-C finishes the step and ends; a second one ends at once.
            Exit codes: 0 trained; 1 failed or interrupted; 64 usage.
            """,
        version: MExitVersion.text(tool: "mexit-train"))

    @OptionGroup(title: "Data") var data: DataArguments
    @OptionGroup(title: "Training") var training: TrainingArguments
    @OptionGroup(title: "Deconfliction") var deconfliction: DeconflictionArguments

    @OptionGroup(title: "Output") var output: OutputArguments

    func validate() throws {
        let written = [output.out, output.best, output.metrics, output.report, output.state].compactMap { $0 }
        for initial in training.initial where written.map(canonicalPath).contains(canonicalPath(initial)) {
            throw ValidationError("--init reads '\(initial)', which training would overwrite; give the new file another name")
        }
        if training.arch.isFile, written.map(canonicalPath).contains(canonicalPath(training.arch.text)) {
            throw ValidationError("--arch reads '\(training.arch.text)', which training would overwrite; give the outputs other names")
        }
        do {
            // Also where its share is 0.
            try Distillation(share: training.distill, temperature: training.distillTemperature).check()
            try options(imageSize: nil).check()
        } catch let error as ValidationError {
            throw error
        } catch {
            throw ValidationError("\(error)")
        }
    }

    func run() throws {
        try reportingErrors { try train() }
    }

    func options(imageSize: ImageSize?) throws -> TrainingOptions {
        let side = imageSize.map { min($0.height, $0.width) } ?? 32
        return TrainingOptions(
            epochs: training.epochs.value, batchSize: training.batchSize.value, learningRate: training.lr, schedule: training.shape,
            warmup: training.warmup,
            optimizer: SGDOptions(momentum: training.momentum, weightDecay: training.weightDecay, nesterov: training.nesterov),
            deconfliction: deconfliction.options, labelSmoothing: training.labelSmoothing,
            exitWeights: training.exitWeights,
            distillation: training.distill == 0 ? nil : Distillation(share: training.distill, temperature: training.distillTemperature),
            averaging: try training.averaging,
            augmentation: training.augment.augmentation(side: side), mixing: training.mixing, normalization: try training.normalization(),
            seed: training.seed)
    }
}
