import MExitIR

extension Trainer {
    /// Begins with a trained network's numbers, running statistics too, in place of random ones; momentum starts at zero.
    ///
    /// Where the model tells another number of classes apart, the layers that end in the classes keep their random numbers: that
    /// is fine-tuning on other data. Call it before ``run(observers:isInterrupted:)`` and before ``resume(from:provenance:)``,
    /// which compares the numbers begun with. The images should be normalised as the model's were.
    ///
    /// - Throws: ``TrainingError`` with code `mismatch` when the network is another one.
    public func begin(with model: Model) throws {
        let own = state.parameters.tensors()
        let classifiers = Set(graph.classCount == model.graph.classCount ? [] : classifierTensors)
        var begun: [String: [Float]] = [:]
        for spec in graph.parameters {
            if classifiers.contains(spec.name) {
                begun[spec.name] = own[spec.name]
                continue
            }
            let found = model.graph.parameters.first { $0.name == spec.name }
            guard found?.dimensions == spec.dimensions else {
                throw mismatch("tensor '\(spec.name)'", is: found.map { "\($0.dimensions) there" } ?? "missing there", needs: spec)
            }
            begun[spec.name] = model.tensors[spec.name]
        }
        try state.parameters.assign(begun)
        try state.average?.withAverage { try state.parameters.assign(begun) }
        firstWeights = Trainer.fingerprint(graph.parameters.flatMap { begun[$0.name] ?? [] })
    }

    /// Parameters of the layers that end in the classes.
    private var classifierTensors: [String] {
        let nodes = graph.classifierNodes
        return graph.parameters.filter { nodes.contains($0.node) }.map(\.name)
    }

    private func mismatch(_ thing: String, is found: String, needs spec: ParameterSpec) -> TrainingError {
        TrainingError(
            .mismatch,
            "cannot begin with the model: \(thing) is \(found), \(spec.dimensions) in this network; give a model of the same architecture")
    }

    /// FNV-1a over the numbers' bits.
    private static func fingerprint(_ values: [Float]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for value in values { hash = (hash ^ UInt64(value.bitPattern)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }
}
