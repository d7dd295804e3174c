import MExitIR

extension Trainer {
    /// Begins with a trained network's numbers, running statistics too, in place of random ones; momentum starts at zero.
    ///
    /// Where the model tells another number of classes apart, the layers that end in the classes keep their random numbers: that
    /// is fine-tuning on other data. Call it before ``run(observers:isInterrupted:)`` and before ``resume(from:provenance:)``,
    /// which compares the numbers begun with. The images should be normalised as the model's were.
    ///
    /// - Throws: ``TrainingError`` with code `mismatch` when the network is another one.
    public func begin(with model: Model) throws { try begin(with: [model]) }

    /// Begins with the mean of several trained networks' numbers; otherwise as with one network's.
    ///
    /// The mean of networks that went on from the same one is often better than each of them: a "model soup". The mean of their
    /// running statistics is only near its own: some steps must follow, at a small rate.
    ///
    /// - Parameter models: at least one, all of this network's architecture, with equal class names and normalisation.
    /// - Source: Wortsman et al., ICML 2022; along one run: Izmailov et al., UAI 2018.
    /// - Throws: ``TrainingError`` with code `mismatch` when the network is another one, or the models are not alike.
    public func begin(with models: [Model]) throws {
        guard let first = models.first else { throw TrainingError(.mismatch, "there is no model to begin with; give at least one") }
        for model in models.dropFirst() {
            guard model.classNames == first.classNames, model.preprocessing == first.preprocessing else {
                throw TrainingError(
                    .mismatch,
                    "cannot begin with the mean of these models: their \(model.classNames == first.classNames ? "normalisations" : "classes") "
                        + "differ; give models that were trained on the same data")
            }
        }
        let own = state.parameters.tensors()
        let classifiers = Set(graph.classCount == first.graph.classCount ? [] : classifierTensors)
        var begun: [String: [Float]] = [:]
        for spec in graph.parameters {
            begun[spec.name] = classifiers.contains(spec.name) ? own[spec.name] : try mean(of: spec, in: models)
        }
        try state.parameters.assign(begun)
        try state.average?.withAverage { try state.parameters.assign(begun) }
        firstWeights = Trainer.fingerprint(graph.parameters.flatMap { begun[$0.name] ?? [] })
    }

    private func mean(of spec: ParameterSpec, in models: [Model]) throws -> [Float] {
        var sums = [Double](repeating: 0, count: spec.count)
        for model in models {
            let found = model.graph.parameters.first { $0.name == spec.name }
            guard found?.dimensions == spec.dimensions, let values = model.tensors[spec.name], values.count == sums.count else {
                throw mismatch("tensor '\(spec.name)'", is: found.map { "\($0.dimensions) there" } ?? "missing there", needs: spec)
            }
            for (index, value) in values.enumerated() { sums[index] += Double(value) }
        }
        return sums.map { Float($0 / Double(models.count)) }
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
