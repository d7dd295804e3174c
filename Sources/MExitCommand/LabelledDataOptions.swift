import ArgumentParser
import MExitData
import MExitIR
import MExitRuntime

/// Which labelled images a command looks at: what mexit-eval and mexit-calibrate share.
public struct LabelledDataOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Labelled images: images:DIR, cifar10:DIR, cifar100:DIR or idx:DIR.", valueName: "kind:dir"))
    public var data: String

    @Option(help: "Which part of the data: test, validation or train. By default test for mexit-eval, validation for mexit-calibrate.")
    public var split: Split?

    @Option(help: ArgumentHelp("Images that were held out of training; by default what the model says.", valueName: "count"))
    public var validation: Int?

    @Option(help: ArgumentHelp("Seed that chose the images held out; by default what the model says.", valueName: "seed"))
    public var seed: UInt64?

    @Option(help: "What to do with an image that does not decode: skip (it is counted) or refuse.")
    public var onBadImage: BadImagePolicy = .skip

    public init() {}

    public func validate() throws {
        if let validation, validation < 0 { throw ValidationError("--validation is \(validation); give 0 or more") }
    }

    /// Loads the images, brought to the model's input. Images that do not decode, and signs that the model was trained on these
    /// images, are told on stderr.
    ///
    /// - Parameters:
    ///   - usual: the split where none was asked for.
    /// - Throws: `DataError`.
    public func load(for model: CompiledModel, provenance: Provenance, usual: Split, threads: Int) throws -> DataSet {
        let split = split ?? usual
        let held = HeldOut(provenance)
        let shape = model.inputShape
        let options = LoadOptions(
            imageSize: ImageSize(height: shape.height, width: shape.width), classNames: model.classNames.isEmpty ? nil : model.classNames,
            onBadImage: onBadImage, validation: validation ?? held?.count ?? 0, seed: seed ?? (held?.seed ?? provenance.seed), threads: threads)
        let source = try DataSource(parsing: data)
        let images: DataSet
        switch split {
        case .test: images = try source.load(.test, options)
        case .train, .validation:
            if split == .validation, options.validation == 0 {
                throw DataError(
                    .noSplit,
                    "cannot load the validation split of '\(source)': the model does not say how many images were held out of training; give --validation and --seed as in training")
            }
            let parts = try source.loadTraining(options)
            if split == .validation, let validation = parts.validation {
                images = validation
                let trained = hexadecimal(parts.train.fingerprint(threads: threads))
                if !provenance.dataFingerprint.isEmpty, trained != provenance.dataFingerprint {
                    StandardError.write(
                        "warning: the images left for training have the fingerprint \(trained), the model was trained on \(provenance.dataFingerprint): those held out here may be among them\n")
                }
            } else {
                images = parts.train
            }
        }
        for skipped in images.skipped { StandardError.write("skipped: \(skipped.error)\n") }
        if let overlap = provenance.trainingOverlap(with: images, threads: threads) {
            StandardError.write("warning: \(overlap); what is measured on it flatters the model\n")
        }
        return images
    }
}

extension Split: ExpressibleByArgument {}
extension BadImagePolicy: ExpressibleByArgument {}
