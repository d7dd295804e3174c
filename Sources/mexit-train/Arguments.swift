import ArgumentParser
import MExitCommand
import MExitData
import MExitTraining

extension DeconflictionOptions.Method: ExpressibleByArgument {}
extension DeconflictionOptions.Scope: ExpressibleByArgument {}
extension DeconflictionOptions.Reduction: ExpressibleByArgument {}
extension ExitWeights: ExpressibleByArgument {
    public init?(argument: String) { self.init(parsing: argument) }
    public var defaultValueDescription: String { description }
}

struct DataArguments: ParsableArguments {
    @Option(name: .customLong("data"), help: ArgumentHelp(
        "Training images: images (one folder per class: DIR/train/<class>/*.jpg|png), cifar10, cifar100, idx.", valueName: "kind:dir"))
    var text: String

    var source: DataSource { get throws { try DataSource(parsing: text) } }

    @Option(help: ArgumentHelp(
        "Size every image is brought to (shorter side resized, centre cropped). Default: the network's usual input for images:, the images' own for the other kinds.",
        valueName: "HxW"))
    var imageSize: SizeArgument?

    @Option(parsing: .unconditional, help: ArgumentHelp(
        "Training images held out to measure accuracy each epoch. Default: a tenth, at most 5000.", valueName: "images"))
    var validation: CountArgument?

    @Option(help: ArgumentHelp("What to do about an image that does not decode: skip or refuse.", valueName: "policy"))
    var onBadImage: BadImagePolicy = .skip

    func validate() throws {
        do {
            _ = try source
        } catch {
            throw ValidationError("\(error)")
        }
        if let validation, validation.value < 0 { throw ValidationError("--validation is \(validation); it must be 0 or more") }
    }
}

/// `32x48`: height, then width.
struct SizeArgument: ExpressibleByArgument {
    let size: ImageSize
    init?(argument: String) {
        let parts = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let height = parts[0], let width = parts[1], (1...16384).contains(height), (1...16384).contains(width)
        else { return nil }
        size = ImageSize(height: height, width: width)
    }
}

/// A list out of crop or resized-crop, flip and cutout, or none.
struct AugmentArgument: ExpressibleByArgument, CustomStringConvertible {
    enum Kind: String, CaseIterable {
        case crop
        case resizedCrop = "resized-crop"
        case flip, cutout
    }
    let kinds: Set<Kind>

    init(_ kinds: Set<Kind>) { self.kinds = kinds }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false).map { Kind(rawValue: String($0)) }
        let kinds = Set(parts.compactMap { $0 })
        guard argument == "none" || kinds.count == parts.count, !kinds.isSuperset(of: [.crop, .resizedCrop]) else { return nil }
        self.kinds = kinds
    }

    /// Crops are of the image padded by an eighth of its side: 4 pixels at 32, as is usual for CIFAR; cutout hides squares of half
    /// the side, as its authors do on CIFAR-10.
    func augmentation(side: Int) -> Augmentation {
        Augmentation(
            cropPadding: kinds.contains(.crop) ? max(1, side / 8) : 0, horizontalFlip: kinds.contains(.flip),
            cutout: kinds.contains(.cutout) ? max(1, side / 2) : 0, smallestPart: kinds.contains(.resizedCrop) ? 0.08 : 0)
    }

    var isCropping: Bool { !kinds.isDisjoint(with: [.crop, .resizedCrop]) }

    var description: String { kinds.isEmpty ? "none" : Kind.allCases.filter(kinds.contains).map(\.rawValue).joined(separator: ",") }
    var defaultValueDescription: String { description }
}

/// Numbers with commas between.
struct NumberList: ExpressibleByArgument {
    let values: [Double]
    init?(argument: String) {
        let values = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
        guard values.allSatisfy({ $0 != nil }) else { return nil }
        self.values = values.compactMap { $0 }
    }
    init(_ values: [Double]) { self.values = values }
    var description: String { values.map { "\($0)" }.joined(separator: ",") }
    var defaultValueDescription: String { description }
}

enum ScheduleName: String, ExpressibleByArgument, CaseIterable {
    case multistep, cosine, constant
}

struct TrainingArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Network: a preset or a JSON file.", valueName: "name|file.json"))
    var arch = ArchitectureReference("msdnet-tiny")

    @Option(name: .customLong("init"), help: ArgumentHelp(
        """
        Begin with the weights of this model of the same architecture, and its normalisation, rather than with random ones; its classes may be \
        others. Given several times, begin with the mean of their weights.
        """,
        valueName: "file.mexit"))
    var initial: [String] = []

    @Option(parsing: .unconditional, help: "Passes over the training images.")
    var epochs = CountArgument(20)

    @Option(parsing: .unconditional, help: "Images of a step; all of them where there are fewer.")
    var batchSize = CountArgument(64)

    @Option(parsing: .unconditional, help: "Learning rate after the warm-up.")
    var lr: Double = 0.1

    @Option(parsing: .unconditional, help: "Momentum of SGD.")
    var momentum: Double = 0.9

    @Option(parsing: .unconditional, help: "L2 coefficient, on all parameters.")
    var weightDecay: Double = 1e-4

    @Flag(inversion: .prefixedNo, help: "Nesterov's form of momentum.")
    var nesterov = true

    @Option(help: "How the learning rate falls: multistep, cosine (to 0) or constant (not at all).")
    var schedule: ScheduleName = .cosine

    @Option(parsing: .unconditional, help: ArgumentHelp("Where a multistep schedule falls: below 1 a share of all epochs, else an epoch.", valueName: "list"))
    var milestones: NumberList = NumberList([0.5, 0.75])

    @Option(parsing: .unconditional, help: "Factor at each milestone.")
    var gamma: Double = 0.1

    @Option(parsing: .unconditional, help: ArgumentHelp("Epochs in which the learning rate rises in a straight line.", valueName: "epochs"))
    var warmup: Double = 1

    @Option(parsing: .unconditional, help: "Share of the label that is spread evenly over all classes.")
    var labelSmoothing: Double = 0

    @Option(parsing: .unconditional, help: ArgumentHelp(
        "How much each exit's loss counts: constant (1 each), linear (rising with depth, mean 1), sdn (ramp of shallow-deep networks), or one number per exit.",
        valueName: "constant|linear|sdn|list"))
    var exitWeights: ExitWeights = .constant

    @Option(parsing: .unconditional, help: ArgumentHelp(
        "Self-distillation: share of the earlier exits' loss that is their divergence from the last exit.", valueName: "share"))
    var distill: Double = 0

    @Option(parsing: .unconditional, help: "Temperature of --distill.")
    var distillTemperature: Double = 1

    @Option(parsing: .unconditional, help: ArgumentHelp(
        "Decay of an exponential moving average of the weights, which is then validated and saved; 0: none.", valueName: "decay"))
    var ema: Double = 0

    @Option(parsing: .unconditional, help: ArgumentHelp(
        "Validate and save the mean of the weights after every step from here on, with batch norm statistics of its own: below 1 a share of all epochs, else an epoch. Not together with --ema. Default: no mean.",
        valueName: "beginning"))
    var averageFrom: Double?

    @Option(help: ArgumentHelp(
        "Random changes to training images, of crop (padded by an eighth of the side) or resized-crop (8 % of the area or more), flip, cutout (a square of half the side); or none.",
        valueName: "list"))
    var augment: AugmentArgument = AugmentArgument([.crop, .flip])

    @Option(parsing: .unconditional, help: ArgumentHelp(
        """
        Keep whole images, their shorter side brought down to this, for crop (a window of the network's size, unpadded) and resized-crop to take \
        their parts from; 0: from the centre crop at the network's size. Default: 8/7 of the network's shorter side for resized-crop of images:, else 0.
        """, valueName: "pixels"))
    var cropSide: Int?

    @Option(parsing: .unconditional, help: ArgumentHelp("Mix pairs of training images by mixup with this alpha, at most 1; 0: not.", valueName: "alpha"))
    var mixup: Double = 0

    @Option(parsing: .unconditional, help: ArgumentHelp("Mix pairs of training images by CutMix with this alpha, at most 1; 0: not.", valueName: "alpha"))
    var cutmix: Double = 0

    @Option(parsing: .unconditional, help: ArgumentHelp("Mean of each channel, white being 1. Default: that of the training images.", valueName: "list"))
    var mean: NumberList?

    @Option(parsing: .unconditional, help: ArgumentHelp("Standard deviation of each channel, given together with --mean.", valueName: "list"))
    var std: NumberList?

    var mixing: Mixing { Mixing(mixup: mixup, cutmix: cutmix) }

    /// What --ema and --average-from say.
    var averaging: Averaging {
        get throws {
            guard let averageFrom else { return ema == 0 ? .none : .exponential(decay: ema) }
            guard ema == 0 else { throw ValidationError("--ema and --average-from are two ways to average the weights; give one") }
            return .mean(from: averageFrom)
        }
    }

    /// What --mean and --std say.
    func normalization() throws -> Normalization? {
        switch (mean, std) {
        case (nil, nil): return nil
        case (let mean?, let std?): return try Normalization(mean: mean.values.map(Float.init), std: std.values.map(Float.init))
        default: throw ValidationError("--mean and --std belong together; give both or neither")
        }
    }

    @Option(parsing: .unconditional, help: "Chooses first weights, validation images, order and augmentation; the same seed gives the same file.")
    var seed: UInt64 = 0

    @Option(parsing: .unconditional, help: "Threads; they do not change the result. Default: one per processor.")
    var threads: Int?

    var shape: LearningRateSchedule.Shape {
        switch schedule {
        case .multistep: .multistep(milestones: milestones.values, gamma: gamma)
        case .cosine: .cosine
        case .constant: .constant
        }
    }

    func validate() throws {
        if let cropSide {
            guard (0...16384).contains(cropSide) else { throw ValidationError("--crop-side is \(cropSide); it must be 0 ... 16384") }
            guard cropSide == 0 || augment.isCropping else {
                throw ValidationError("--crop-side is of no use without crop or resized-crop in --augment; add one, or leave --crop-side out")
            }
        }
        if let threads, !(1...256).contains(threads) { throw ValidationError("--threads is \(threads); it must be 1 ... 256") }
    }
}

struct DeconflictionArguments: ParsableArguments {
    @Option(name: .customLong("deconflict"), help: ArgumentHelp(
        "How the exits' gradients become one: project (gradient deconfliction), pcgrad, cagrad, or none (plain sum).", valueName: "method"))
    var method: DeconflictionOptions.Method = .project

    @Option(help: "What counts as one gradient vector: tensor, block or network.")
    var scope: DeconflictionOptions.Scope = .tensor

    @Option(help: "sum, or mean over the exits that reach a tensor.")
    var reduction: DeconflictionOptions.Reduction = .sum

    @Option(parsing: .unconditional, help: "Share of the conflicting component that project and pcgrad remove.")
    var projectionStrength: Double = 1

    @Option(parsing: .unconditional, help: "Radius of cagrad's ball around the mean gradient, in units of its norm.")
    var cagradRadius: Double = 0.5

    var options: DeconflictionOptions {
        DeconflictionOptions(method: method, scope: scope, reduction: reduction, strength: projectionStrength, radius: cagradRadius)
    }
}

struct OutputArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The model.", valueName: "file.mexit"))
    var out: String

    @Option(help: ArgumentHelp("Metrics as JSON lines.", valueName: "file.jsonl"))
    var metrics: String?

    @Option(help: ArgumentHelp("The model of the epoch with the best mean validation accuracy over all exits.", valueName: "file.mexit"))
    var best: String?

    @Option(help: ArgumentHelp("The run as a web page: curves, conflicts between exits; written each epoch.", valueName: "file.html"))
    var report: String?

    @Option(help: ArgumentHelp("Training state, written each epoch and when interrupted, for --resume.", valueName: "file"))
    var state: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("Write the state within an epoch too, when so many minutes have passed since the last time.", valueName: "minutes"))
    var stateMinutes: Double = 10

    @Option(help: ArgumentHelp("Go on from a state; data, network and options must be those it was made with.", valueName: "file"))
    var resume: String?

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Flag(help: "No progress on stderr.")
    var quiet = false

    func validate() throws {
        let written = [out, best, metrics, report, state].compactMap { $0 }
        guard Set(written.map(canonicalPath)).count == written.count, !written.contains("") else {
            throw ValidationError("--out, --best, --metrics, --report and --state need a file name each, all different")
        }
        let outputs: [(name: String, path: String?)] = [("out", out), ("best", best), ("metrics", metrics), ("report", report)]
        if let resume, let clash = outputs.first(where: { $0.path.map(canonicalPath) == canonicalPath(resume) }) {
            throw ValidationError("--resume reads '\(resume)', which --\(clash.name) would overwrite; only --state may name the same file")
        }
        guard stateMinutes > 0 else { throw ValidationError("--state-minutes is \(stateMinutes); it must be above 0") }
    }
}
