/// A network with its numbers: what a checkpoint holds, a trainer makes, and a runtime compiles. Plain values.
public struct Model: Hashable, Sendable {
    public var graph: Graph
    /// Values of every parameter by its name (``Graph/parameters``), row-major.
    public var tensors: [String: [Float]]
    public var preprocessing: Preprocessing
    /// One name per class, or empty.
    public var classNames: [String]
    /// Named operating points, from calibration.
    public var policies: [NamedPolicy]
    public var provenance: Provenance

    /// - Throws: ``ModelError`` when a tensor is missing, superfluous or of another size than the graph says, the number of
    ///   class names is not the number of classes, or the preprocessing does not fit the input.
    public init(
        graph: Graph, tensors: [String: [Float]], preprocessing: Preprocessing, classNames: [String] = [],
        policies: [NamedPolicy] = [], provenance: Provenance = Provenance()
    ) throws {
        self.graph = graph
        self.tensors = tensors
        self.preprocessing = preprocessing
        self.classNames = classNames
        self.policies = policies
        self.provenance = provenance
        try check()
    }

    /// The rules of ``init(graph:tensors:preprocessing:classNames:policies:provenance:)``, for a model that was changed.
    public func check() throws {
        let specs = graph.parameters
        for spec in specs {
            guard let values = tensors[spec.name] else {
                throw ModelError("tensor '\(spec.name)' is missing; the graph needs \(spec.dimensions)")
            }
            guard values.count == spec.count else {
                throw ModelError("tensor '\(spec.name)' has \(values.count) values; the graph needs \(spec.dimensions), \(spec.count) values")
            }
        }
        if tensors.count != specs.count {
            let known = Set(specs.map(\.name))
            let extra = tensors.keys.filter { !known.contains($0) }.sorted()
            throw ModelError("tensor '\(extra.first ?? "")' belongs to no node of the graph; remove it")
        }
        try Model.check(graph: graph, preprocessing: preprocessing, classNames: classNames, policies: policies)
    }

    /// The rules for all parts but the tensors.
    package static func check(graph: Graph, preprocessing: Preprocessing, classNames: [String], policies: [NamedPolicy]) throws {
        guard classNames.isEmpty || classNames.count == graph.classCount else {
            throw ModelError("\(classNames.count) class names for \(graph.classCount) classes; give one each or none")
        }
        let channels = graph.inputShape.channels
        guard preprocessing.mean.count == channels, preprocessing.std.count == channels,
            preprocessing.mean.allSatisfy(\.isFinite), preprocessing.std.allSatisfy({ $0.isFinite && $0 > 0 })
        else {
            throw ModelError("normalisation has mean \(preprocessing.mean) and std \(preprocessing.std); the input has \(channels) channels, each needs a finite mean and a std above 0")
        }
        try policies.forEach { try $0.check(exits: graph.exits.count) }
        var names = Set<String>()
        for policy in policies where !names.insert(policy.name).inserted {
            throw ModelError("two policies are named '\(policy.name)'; a policy is asked for by its name")
        }
    }
}

/// A model whose parts do not fit together; the message names the part and the rule.
public struct ModelError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public init(_ message: String) { self.message = message }
    public var description: String { message }
}

/// How a picture becomes the network's input: x = (u8 / 255 - mean[c]) / std[c].
public struct Preprocessing: Hashable, Sendable {
    /// Per channel, in units of 0 ... 1.
    public var mean: [Float]
    public var std: [Float]

    public init(mean: [Float], std: [Float]) {
        self.mean = mean
        self.std = std
    }
}

/// An operating point stored with a model: when to leave, and where that was learnt.
public struct NamedPolicy: Hashable, Sendable {
    /// "20M", for `--policy calibrated:20M`.
    public var name: String
    /// "confidence" (maximum softmax), "entropy", "margin" or "patience".
    public var measure: String
    /// One per exit but the last, which has none.
    public var thresholds: [Double]
    /// Softmax temperature per exit, or empty for 1.
    public var temperatures: [Double]
    /// How it was chosen: method, wish, bound.
    public var method: String
    public var expectedMACs: Double
    public var expectedAccuracy: Double
    /// Samples it was chosen on, and their fingerprint.
    public var samples: Int
    public var dataFingerprint: String

    public init(
        name: String, measure: String, thresholds: [Double], temperatures: [Double] = [], method: String = "",
        expectedMACs: Double = 0, expectedAccuracy: Double = 0, samples: Int = 0, dataFingerprint: String = ""
    ) {
        self.name = name
        self.measure = measure
        self.thresholds = thresholds
        self.temperatures = temperatures
        self.method = method
        self.expectedMACs = expectedMACs
        self.expectedAccuracy = expectedAccuracy
        self.samples = samples
        self.dataFingerprint = dataFingerprint
    }

    func check(exits: Int) throws {
        guard !name.isEmpty, ["confidence", "entropy", "margin", "patience"].contains(measure) else {
            throw ModelError("policy '\(name)' uses measure '\(measure)'; a policy has a name, and its measure is confidence, entropy, margin or patience")
        }
        guard thresholds.count == exits - 1, thresholds.allSatisfy(\.isFinite) else {
            throw ModelError("policy '\(name)' has \(thresholds.count) thresholds for \(exits) exits; every exit but the last needs one finite number")
        }
        guard temperatures.isEmpty || temperatures.count == exits, temperatures.allSatisfy({ $0.isFinite && $0 > 0 }) else {
            throw ModelError("policy '\(name)' has temperatures \(temperatures) for \(exits) exits; give one above 0 for each exit, or none")
        }
    }
}

/// Where a model comes from, for those who read the file later.
public struct Provenance: Hashable, Sendable {
    /// Preset or family, "msdnet-tiny".
    public var architecture: String
    /// The command that trained it.
    public var command: String
    public var seed: UInt64
    public var epochs: Int
    /// Data set's name and fingerprint.
    public var data: String
    public var dataFingerprint: String
    /// Accuracy per exit on the held-out validation images, 0 ... 1.
    public var validationAccuracy: [Double]
    /// Tool and version that wrote it.
    public var producer: String

    public init(
        architecture: String = "", command: String = "", seed: UInt64 = 0, epochs: Int = 0, data: String = "",
        dataFingerprint: String = "", validationAccuracy: [Double] = [], producer: String = ""
    ) {
        self.architecture = architecture
        self.command = command
        self.seed = seed
        self.epochs = epochs
        self.data = data
        self.dataFingerprint = dataFingerprint
        self.validationAccuracy = validationAccuracy
        self.producer = producer
    }
}
