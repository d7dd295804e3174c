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
    /// What going deeper brings, from calibration; nil when nothing was measured.
    public var gainTables: GainTables?
    public var provenance: Provenance

    /// - Throws: ``ModelError`` when a tensor is missing, superfluous or of another size than the graph says, the number of
    ///   class names is not the number of classes, or preprocessing, policies or gain tables do not fit the graph.
    public init(
        graph: Graph, tensors: [String: [Float]], preprocessing: Preprocessing, classNames: [String] = [],
        policies: [NamedPolicy] = [], gainTables: GainTables? = nil, provenance: Provenance = Provenance()
    ) throws {
        self.graph = graph
        self.tensors = tensors
        self.preprocessing = preprocessing
        self.classNames = classNames
        self.policies = policies
        self.gainTables = gainTables
        self.provenance = provenance
        try check()
    }

    /// The rules of ``init(graph:tensors:preprocessing:classNames:policies:gainTables:provenance:)``, for a model that was changed.
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
        try Model.check(graph: graph, preprocessing: preprocessing, classNames: classNames, policies: policies, gainTables: gainTables)
    }

    /// The rules for all parts but the tensors.
    package static func check(
        graph: Graph, preprocessing: Preprocessing, classNames: [String], policies: [NamedPolicy], gainTables: GainTables?
    ) throws {
        guard classNames.isEmpty || classNames.count == graph.classCount else {
            throw ModelError("\(classNames.count) class names for \(graph.classCount) classes; give one each or none")
        }
        let channels = graph.inputShape.channels
        guard preprocessing.mean.count == channels, preprocessing.std.count == channels,
            preprocessing.mean.allSatisfy(\.isFinite), preprocessing.std.allSatisfy({ $0.isFinite && $0 > 0 })
        else {
            throw ModelError("normalisation has mean \(preprocessing.mean.shortened) and std \(preprocessing.std.shortened); the input has \(channels) channels, each needs a finite mean and a std above 0")
        }
        try policies.forEach { try $0.check(exits: graph.exits.count) }
        var names = Set<String>()
        for policy in policies where !names.insert(policy.name).inserted {
            throw ModelError("two policies are named '\(policy.name)'; a policy is asked for by its name")
        }
        try gainTables?.check(exits: graph.exits.count)
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
