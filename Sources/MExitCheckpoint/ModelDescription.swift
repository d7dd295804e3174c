import MExitIR

/// Everything that a checkpoint says of a model but the numbers of its tensors.
public struct ModelDescription: Hashable, Sendable {
    public var graph: Graph
    public var preprocessing: Preprocessing
    public var classNames: [String]
    public var policies: [NamedPolicy]
    public var gainTables: GainTables?
    public var provenance: Provenance

    public init(_ model: Model) {
        graph = model.graph
        preprocessing = model.preprocessing
        classNames = model.classNames
        policies = model.policies
        gainTables = model.gainTables
        provenance = model.provenance
    }

    init(
        graph: Graph, preprocessing: Preprocessing, classNames: [String], policies: [NamedPolicy], gainTables: GainTables?,
        provenance: Provenance
    ) {
        self.graph = graph
        self.preprocessing = preprocessing
        self.classNames = classNames
        self.policies = policies
        self.gainTables = gainTables
        self.provenance = provenance
    }

    /// The model with its tensors.
    ///
    /// - Throws: ``ModelError``.
    public func model(tensors: [String: [Float]]) throws -> Model {
        try Model(
            graph: graph, tensors: tensors, preprocessing: preprocessing, classNames: classNames, policies: policies,
            gainTables: gainTables, provenance: provenance)
    }
}
