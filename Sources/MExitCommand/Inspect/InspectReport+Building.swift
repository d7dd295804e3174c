import MExitCheckpoint
import MExitIR

extension InspectReport {
    /// Of an architecture, without numbers.
    ///
    /// - Parameter exits: a subset, ascending; nil for all.
    /// - Throws: ``GraphError`` when the subset does not fit.
    public init(graph: Graph, name: String, exits: [Int]? = nil) throws {
        self.init(
            model: name, inputShape: graph.inputShape.dimensions, classes: graph.classCount, classNames: [],
            stages: try InspectReport.stages(of: graph, exits: exits, segments: nil))
    }

    /// Of a checkpoint.
    ///
    /// - Parameters:
    ///   - listsTensors: whether ``tensors`` is filled.
    ///   - verifies: read every byte and decode every tensor; else only the header and the message are read.
    /// - Throws: ``CheckpointError``, ``GraphError``.
    public init(checkpoint: CheckpointReader, exits: [Int]? = nil, listsTensors: Bool = false, verifies: Bool = false) throws {
        let description = checkpoint.description
        let graph = description.graph
        let segments = checkpoint.container.segments
        self.init(
            model: description.provenance.architecture.isEmpty ? "unnamed" : description.provenance.architecture,
            inputShape: graph.inputShape.dimensions, classes: graph.classCount, classNames: description.classNames,
            stages: try InspectReport.stages(of: graph, exits: exits, segments: segments),
            preprocessing: Preprocessing(mean: description.preprocessing.mean, std: description.preprocessing.std),
            policies: description.policies.map(Policy.init), gainTables: description.gainTables.map(Gains.init), provenance: Provenance(description.provenance),
            file: try File(checkpoint.container, verifies: verifies),
            tensors: listsTensors ? segments.map(Tensor.init) : nil)
    }

    private static func stages(of graph: Graph, exits: [Int]?, segments: [Segment]?) throws -> [Stage] {
        let stages = try graph.stages(exits: exits)
        let costs = try graph.stageCosts(exits: exits)
        let lazy = Graph.cumulative(costs)
        let eager = graph.eagerCosts()
        let storedBytes = segments.map { Dictionary($0.map { ($0.name, $0.storedBytes) }, uniquingKeysWith: +) }
        return try stages.indices.map { index in
            let stage = stages[index]
            let exit = graph.exits[stage.exit]
            let carried = stage.carried.map { graph.shapes[$0] }
            let single = try graph.stageCosts(exits: [stage.exit]).reduce(.zero, +)
            let stored = storedBytes.map { bytes in
                stage.nodes.flatMap { graph.parameters(ofNode: $0) }.reduce(0) { $0 + (bytes[$1.name] ?? 0) }
            }
            return Stage(
                stage: index, exit: stage.exit, exitName: exit.name, nodes: stage.nodes.count,
                outputShape: graph.shapes[exit.logits].dimensions, carriedValues: carried.count,
                carriedBytes: carried.reduce(0) { $0 + $1.count * MemoryLayout<Float>.size }, carriedShapes: carried.map(\.dimensions),
                cost: Counts(costs[index]), lazy: Counts(lazy[index]), eager: Counts(eager[stage.exit]), single: Counts(single),
                storedBytes: stored)
        }
    }
}

extension InspectReport.File {
    fileprivate init(_ container: ContainerReader, verifies: Bool) throws {
        let raw = container.segments.reduce(0) { $0 + $1.count } * MemoryLayout<Float>.size
        self.init(
            path: container.path ?? "", formatVersion: "\(container.version)", bytes: container.fileBytes,
            messageBytes: container.messageStoredBytes, tensors: container.segments.count, tensorRawBytes: raw,
            tensorStoredBytes: container.segments.reduce(0) { $0 + $1.storedBytes },
            ratio: raw == 0 ? 1 : Double(container.fileBytes) / Double(raw),
            verification: verifies ? try InspectReport.Verification(container) : nil)
    }
}

extension InspectReport.Verification {
    /// One tensor at a time, so that memory stays that of the largest.
    fileprivate init(_ container: ContainerReader) throws {
        var nonFinite = 0
        for segment in container.segments {
            nonFinite += try container.values(of: segment).reduce(0) { $0 + ($1.isFinite ? 0 : 1) }
        }
        self.init(tensors: container.segments.count, nonFiniteValues: nonFinite)
    }
}

extension InspectReport.Tensor {
    fileprivate init(_ segment: Segment) {
        let raw = segment.count * MemoryLayout<Float>.size
        self.init(
            name: segment.name, shape: segment.dimensions, stage: segment.stage, storage: segment.storage.rawValue,
            codec: segment.codec.description, rawBytes: raw, storedBytes: segment.storedBytes,
            ratio: Double(segment.storedBytes) / Double(max(raw, 1)))
    }
}

extension InspectReport.Policy {
    fileprivate init(_ policy: NamedPolicy) {
        self.init(
            name: policy.name, measure: policy.measure, thresholds: policy.thresholds, temperatures: policy.temperatures,
            method: policy.method, expectedMacs: policy.expectedMACs, expectedAccuracy: policy.expectedAccuracy,
            samples: policy.samples, dataFingerprint: policy.dataFingerprint, date: policy.date,
            promise: policy.promise.map {
                InspectReport.Promise(
                    quantity: $0.quantity.rawValue, limit: $0.limit, bound: $0.bound, confidence: $0.confidence, method: $0.method)
            })
    }
}

extension InspectReport.Gains {
    fileprivate init(_ tables: GainTables) {
        self.init(
            measure: tables.measure, samples: tables.samples, buckets: tables.exits.map(\.counts.count),
            dataFingerprint: tables.dataFingerprint, date: tables.date)
    }
}

extension InspectReport.Provenance {
    fileprivate init(_ provenance: MExitIR.Provenance) {
        self.init(
            architecture: provenance.architecture, command: provenance.command, seed: provenance.seed, epochs: provenance.epochs,
            data: provenance.data, dataFingerprint: provenance.dataFingerprint, validationAccuracy: provenance.validationAccuracy,
            producer: provenance.producer)
    }
}
