import MExitIR

/// The order of a model's parameters in a file: by stage, then by node, then by role.
enum TensorOrder {
    /// A parameter and the first stage that needs it; `exits.count` when none does.
    struct Entry {
        let spec: ParameterSpec
        let stage: Int
    }

    static func entries(of graph: Graph) throws -> [Entry] {
        let stages = try graph.stages()
        var order = stages.enumerated().flatMap { stage, content in
            content.nodes.flatMap { graph.parameters(ofNode: $0) }.map { Entry(spec: $0, stage: stage) }
        }
        let staged = Set(stages.flatMap(\.nodes))
        let rest = graph.nodes.indices.filter { !staged.contains($0) }.flatMap { graph.parameters(ofNode: $0) }
        order += rest.map { Entry(spec: $0, stage: stages.count) }
        return order
    }

    /// Checks that the segments are exactly the parameters of the graph, of their dimensions and in their stages.
    static func check(_ segments: [Segment], of graph: Graph) throws {
        let entries = try entries(of: graph)
        var byName = Dictionary(segments.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for entry in entries {
            let what = "tensor '\(entry.spec.name)'"
            guard let segment = byName.removeValue(forKey: entry.spec.name) else {
                throw CheckpointError(.malformed, "\(what) is missing; the graph needs \(entry.spec.dimensions)")
            }
            guard segment.dimensions == entry.spec.dimensions else {
                throw CheckpointError(.malformed, "\(what) has dimensions \(segment.dimensions); the graph needs \(entry.spec.dimensions)")
            }
            guard segment.stage == entry.stage else {
                throw CheckpointError(.malformed, "\(what) is in stage \(segment.stage); the graph needs it in \(entry.stage)")
            }
        }
        if let extra = byName.keys.min() {
            throw CheckpointError(.malformed, "tensor '\(extra)' belongs to no node of the graph")
        }
    }
}
