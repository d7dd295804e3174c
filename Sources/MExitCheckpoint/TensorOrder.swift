import MExitIR

/// The order of a model's parameters in a file: by stage, then by node, then by role.
enum TensorOrder {
    /// A parameter and the first stage that needs it; `exits.count` when none does.
    struct Entry {
        let spec: ParameterSpec
        let stage: Int

        func fits(_ segment: Segment) -> Bool {
            segment.stage == stage && segment.dimensions == spec.dimensions && Entry.haveSameBytes(segment.name, spec.name)
        }

        private static func haveSameBytes(_ a: String, _ b: String) -> Bool {
            let areSame = a.utf8.withContiguousStorageIfAvailable { a in
                b.utf8.withContiguousStorageIfAvailable { b in a.count == b.count && a.elementsEqual(b) }
            }
            return (areSame ?? nil) ?? a.utf8.elementsEqual(b.utf8)
        }
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

    /// Checks that the segments are exactly the parameters of the graph, of their dimensions, in their stages and in order.
    static func check(_ segments: [Segment], of graph: Graph) throws {
        let entries = try entries(of: graph)
        // What nearly every file is like; the rest finds out what is wrong, with texts that take longer than the comparing.
        if entries.count == segments.count, zip(entries, segments).allSatisfy({ $0.fits($1) }) { return }
        try checkNames(segments.map(\.name), entries.map(\.spec))
        for (entry, segment) in zip(entries, segments) {
            let what = "tensor '\(entry.spec.name)'"
            // `==` takes two Unicode forms of a name for one; a file has to use the same one everywhere.
            guard segment.name.utf8.elementsEqual(entry.spec.name.utf8) else {
                throw CheckpointError(.malformed, "tensor '\(segment.name)' stands where the graph needs \(what); they lie in the order of stages, nodes and roles, named byte for byte as in the graph")
            }
            guard segment.dimensions == entry.spec.dimensions else {
                throw CheckpointError(.malformed, "\(what) has dimensions \(segment.dimensions); the graph needs \(entry.spec.dimensions)")
            }
            guard segment.stage == entry.stage else {
                throw CheckpointError(.malformed, "\(what) is in stage \(segment.stage); the graph needs it in \(entry.stage)")
            }
        }
    }

    private static func checkNames(_ found: [String], _ needed: [ParameterSpec]) throws {
        let present = Set(found)
        if let missing = needed.first(where: { !present.contains($0.name) }) {
            throw CheckpointError(.malformed, "tensor '\(missing.name)' is missing; the graph needs \(missing.dimensions)")
        }
        let known = Set(needed.map(\.name))
        if let extra = found.first(where: { !known.contains($0) }) {
            throw CheckpointError(.malformed, "tensor '\(extra)' belongs to no node of the graph")
        }
    }
}
