import ArgumentParser
import MExitCommand
import MExitData
import MExitTraining

extension DeconflictionOptions.Method: ExpressibleByArgument {}
extension DeconflictionOptions.Scope: ExpressibleByArgument {}
extension DeconflictionOptions.Reduction: ExpressibleByArgument {}
extension BadImagePolicy: ExpressibleByArgument {}
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
    var validation: Int?

    @Option(help: ArgumentHelp("What to do about an image that does not decode: skip or refuse.", valueName: "policy"))
    var onBadImage: BadImagePolicy = .skip

    func validate() throws {
        do {
            _ = try source
        } catch {
            throw ValidationError("\(error)")
        }
        if let validation, validation < 0 { throw ValidationError("--validation is \(validation); it must be 0 or more") }
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

/// A list out of crop and flip, or none.
struct AugmentArgument: ExpressibleByArgument, CustomStringConvertible {
    let crop: Bool
    let flip: Bool

    init(crop: Bool, flip: Bool) {
        self.crop = crop
        self.flip = flip
    }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        guard argument == "none" || (parts.allSatisfy { $0 == "crop" || $0 == "flip" } && Set(parts).count == parts.count) else { return nil }
        crop = parts.contains("crop")
        flip = parts.contains("flip")
    }

    /// Crops are of the image padded by an eighth of its side: 4 pixels at 32, as is usual for CIFAR.
    func augmentation(side: Int) -> Augmentation {
        Augmentation(cropPadding: crop ? max(1, side / 8) : 0, horizontalFlip: flip, cutout: 0)
    }

    var description: String { crop || flip ? [crop ? "crop" : nil, flip ? "flip" : nil].compactMap { $0 }.joined(separator: ",") : "none" }
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
    case multistep, cosine
}

struct TrainingArguments: ParsableArguments {
    @Option(help: ArgumentHelp("Network: a preset or a JSON file.", valueName: "name|file.json"))
    var arch = ArchitectureReference("msdnet-tiny")

    @Option(parsing: .unconditional, help: "Passes over the training images.")
    var epochs: Int = 20

    @Option(parsing: .unconditional, help: "Images of a step; all of them where there are fewer.")
    var batchSize: Int = 64

    @Option(parsing: .unconditional, help: "Learning rate after the warm-up.")
    var lr: Double = 0.1

    @Option(parsing: .unconditional, help: "Momentum of SGD.")
    var momentum: Double = 0.9

    @Option(parsing: .unconditional, help: "L2 coefficient, on all parameters.")
    var weightDecay: Double = 1e-4

    @Flag(inversion: .prefixedNo, help: "Nesterov's form of momentum.")
    var nesterov = true

    @Option(help: "How the learning rate falls: multistep or cosine (to 0).")
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

    @Option(help: ArgumentHelp("Random changes to training images: crop,flip or crop or flip or none. Crops are of images padded by an eighth of their side.", valueName: "list"))
    var augment: AugmentArgument = AugmentArgument(crop: true, flip: true)

    @Option(parsing: .unconditional, help: "Chooses first weights, validation images, order and augmentation; the same seed gives the same file.")
    var seed: UInt64 = 0

    @Option(parsing: .unconditional, help: "Threads; they do not change the result. Default: one per processor.")
    var threads: Int?

    var shape: LearningRateSchedule.Shape {
        switch schedule {
        case .multistep: .multistep(milestones: milestones.values, gamma: gamma)
        case .cosine: .cosine
        }
    }

    func validate() throws {
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

    @Option(help: ArgumentHelp("Training state, written each epoch and when interrupted, for --resume.", valueName: "file"))
    var state: String?

    @Option(help: ArgumentHelp("Go on from a state; data, network and options must be those it was made with.", valueName: "file"))
    var resume: String?

    @Flag(help: "Print the result as JSON.")
    var json = false

    @Flag(help: "No progress on stderr.")
    var quiet = false

    func validate() throws {
        let written = [out, metrics, state].compactMap { $0 }
        guard Set(written).count == written.count, !written.contains("") else {
            throw ValidationError("--out, --metrics and --state need a file name each, all different")
        }
        if let resume, resume == out || resume == metrics {
            throw ValidationError("--resume reads '\(resume)', which --\(resume == out ? "out" : "metrics") would overwrite; only --state may name the same file")
        }
    }
}
