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
        let images = try loaded(split ?? usual, for: model, provenance: provenance, threads: threads)
        warn(DataIdentity(images, threads: threads), name: images.name, skipped: images.skipped, provenance: provenance)
        return images
    }

    /// Gives `body` the images a part at a time; those of a test folder are decoded when their part comes, so that memory does not
    /// grow with their number. Warns as ``load(for:provenance:usual:threads:)``, behind the last part.
    ///
    /// - Parameters:
    ///   - least: images that a part has at least.
    ///   - start: called first, with what the images are and how many.
    /// - Returns: images that did not decode.
    /// - Throws: `DataError`, and what the closures throw.
    public func forEachPart(
        for model: CompiledModel, provenance: Provenance, usual: Split, threads: Int, atLeast least: Int,
        start: (DataStream) throws -> Void, _ body: (DataSet) throws -> Void
    ) throws -> Int {
        let split = split ?? usual
        let stream =
            split == .test
            ? try DataSource(parsing: data).streamTest(loadOptions(for: model, provenance: provenance, threads: threads))
            : DataStream(try loaded(split, for: model, provenance: provenance, threads: threads), threads: threads)
        try start(stream)
        let summary = try stream.forEachPart(atLeast: least, body)
        warn(summary.identity, name: stream.name, skipped: summary.skipped, provenance: provenance)
        return summary.skipped.count
    }

    private func loadOptions(for model: CompiledModel, provenance: Provenance, threads: Int) -> LoadOptions {
        let held = HeldOut(provenance)
        let shape = model.inputShape
        return LoadOptions(
            imageSize: ImageSize(height: shape.height, width: shape.width), classNames: model.classNames.isEmpty ? nil : model.classNames,
            onBadImage: onBadImage, validation: validation ?? held?.count ?? 0, seed: seed ?? (held?.seed ?? provenance.seed), threads: threads)
    }

    private func loaded(_ split: Split, for model: CompiledModel, provenance: Provenance, threads: Int) throws -> DataSet {
        let options = loadOptions(for: model, provenance: provenance, threads: threads)
        let source = try DataSource(parsing: data)
        if split == .test { return try source.load(.test, options) }
        if split == .validation, options.validation == 0 {
            throw DataError(
                .noSplit,
                "cannot load the validation split of '\(source)': the model does not say how many images were held out of training; give --validation and --seed as in training")
        }
        let parts = try source.loadTraining(options)
        guard split == .validation, let validation = parts.validation else { return parts.train }
        let trained = hexadecimal(parts.train.fingerprint(threads: threads))
        if !provenance.dataFingerprint.isEmpty, trained != provenance.dataFingerprint {
            StandardError.write(
                "warning: the images left for training have the fingerprint \(trained), the model was trained on \(provenance.dataFingerprint): those held out here may be among them\n")
        }
        return validation
    }

    private func warn(_ images: DataIdentity, name: String, skipped: [SkippedImage], provenance: Provenance) {
        for image in skipped { StandardError.write("skipped: \(image.error)\n") }
        if let overlap = provenance.trainingOverlap(with: images, name: name) {
            StandardError.write("warning: \(overlap); what is measured on it flatters the model\n")
        }
    }
}

extension Split: ExpressibleByArgument {}
extension BadImagePolicy: ExpressibleByArgument {}
