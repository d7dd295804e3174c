import ArgumentParser
import MExitCalibration
import MExitCommand
import MExitIR

/// What shall be kept, and how it is found.
struct WishOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The best accuracy at this many multiply-adds per image on average. May be repeated.", valueName: "macs"))
    var targetMacs: [SINumber] = []

    @Option(help: ArgumentHelp("The least cost at this accuracy: 0 to 1, or full (the last exit's), or full-0.003 (that much less). May be repeated.", valueName: "accuracy"))
    var targetAccuracy: [AccuracyArgument] = []

    @Option(help: ArgumentHelp("The least cost that is proved to keep the risk at or below this. May be repeated.", valueName: "share"))
    var maxRisk: [Double] = []

    @Option(help: ArgumentHelp("Confidence of --max-risk, above 0 and below 1.", valueName: "share"))
    var confidence: Double = 0.9

    @Option(help: "The risk: accuracy-gap (accuracy lost against the last exit) or disagreement (labels that are not the last exit's).")
    var risk: RiskKind = .accuracyGap

    @Option(help: "How the risk is proved: betting (adapts to the variance) or hoeffding-bentkus.")
    var bound: RiskTest = .betting

    @Option(help: ArgumentHelp("This many points from the cheapest to the most accurate.", valueName: "count"))
    var sweep: Int?

    @Option(help: ArgumentHelp("Name of the operating point, where there is one only.", valueName: "name"))
    var name: String?

    @Option(help: "What is compared with the thresholds: confidence, entropy, margin, patience, geometric (MSDNet's method), shared (one threshold for all exits), or auto: the best of the first four in cross-validation.")
    var measure: MeasureChoice = .auto

    @Option(help: ArgumentHelp("Folds of the cross-validation.", valueName: "count"))
    var folds: Int = 5

    @Option(help: ArgumentHelp("Seed of the folds, and of the samples that shape the path of --max-risk.", valueName: "seed"))
    var shuffleSeed: UInt64 = 0

    @Option(help: ArgumentHelp("Do not calibrate: repeat --max-risk on this many random parts of the images, and tell how often the rest keeps it.", valueName: "count"))
    var trials: Int?

    @Option(help: ArgumentHelp("Images that each trial calibrates on; half by default.", valueName: "count"))
    var trialSamples: Int?

    func validate() throws {
        guard (2...1000).contains(folds) else { throw ValidationError("--folds is \(folds); give 2 ... 1000") }
        guard confidence > 0, confidence < 1 else { throw ValidationError("--confidence is \(confidence); give a number above 0 and below 1") }
        if let bad = maxRisk.first(where: { !($0 > 0 && $0 < 1) }) { throw ValidationError("--max-risk is \(bad); give a share above 0 and below 1") }
        if let sweep, !(2...1000).contains(sweep) { throw ValidationError("--sweep is \(sweep); give 2 ... 1000") }
        let count = targetMacs.count + targetAccuracy.count + maxRisk.count
        guard count > 0 || sweep != nil else {
            throw ValidationError("nothing is wished for; give --target-macs, --target-accuracy, --max-risk or --sweep")
        }
        if name != nil, count != 1 || sweep != nil { throw ValidationError("--name names one operating point; ask for one only") }
        if let trials {
            guard (1...1_000_000).contains(trials) else { throw ValidationError("--trials is \(trials); give 1 ... 1000000") }
            guard maxRisk.count == 1, count == 1, sweep == nil else { throw ValidationError("--trials tries one --max-risk; give that and nothing else") }
        }
    }

    func risks() throws -> [RiskWish] {
        maxRisk.map { RiskWish(risk.quantity, limit: $0, confidence: confidence, test: bound) }
    }

    func wishes() throws -> [(wish: CalibrationWish, name: String?)] {
        var all = targetMacs.map { CalibrationWish.macs($0.value) } + targetAccuracy.map(\.wish)
        all += try risks().map(CalibrationWish.risk)
        if let sweep { all.append(.sweep(sweep)) }
        return all.map { ($0, name) }
    }

    func options(threads: Int, date: String) -> Calibrator.Options {
        var options = Calibrator.Options()
        options.method = measure.method
        options.seed = shuffleSeed
        options.folds = folds
        options.threads = threads
        options.date = date
        return options
    }
}

/// `0.9`, `full` or `full-0.003`.
struct AccuracyArgument: ExpressibleByArgument {
    let wish: CalibrationWish

    init?(argument: String) {
        if argument == "full" {
            wish = .belowFull(0)
        } else if argument.hasPrefix("full-"), let gap = Double(argument.dropFirst(5)), (0...1).contains(gap) {
            wish = .belowFull(gap)
        } else if let accuracy = Double(argument), (0...1).contains(accuracy) {
            wish = .accuracy(accuracy)
        } else {
            return nil
        }
    }
}

enum RiskKind: String, CaseIterable, ExpressibleByArgument {
    case accuracyGap = "accuracy-gap"
    case disagreement

    var quantity: Promise.Quantity { self == .accuracyGap ? .accuracyGap : .disagreement }
}

enum MeasureChoice: String, CaseIterable, ExpressibleByArgument {
    case auto, confidence, entropy, margin, patience, geometric, shared

    var method: CalibrationMethod? { CalibrationMethod(rawValue: rawValue) }
}

extension RiskTest: ExpressibleByArgument {}
