import MExitIR

/// What a training that begins with a model makes of its layers that end in the classes.
public enum BegunClassifiers: Hashable, Sendable {
    /// The classes are the same.
    case kept
    /// They are the same in another order, and so are their numbers now.
    case reordered
    /// They are others: random numbers.
    case anew
}

extension Trainer {
    /// Begins with a trained network's numbers, running statistics too, in place of random ones; momentum starts at zero.
    ///
    /// Where the model tells other classes apart, the layers that end in the classes keep their random numbers: that is fine-tuning on
    /// other data. The same classes in another order take their numbers along; a model without class names is taken to have the data's
    /// if there are as many. Call it before ``run(observers:isInterrupted:)`` and before ``resume(from:provenance:)``,
    /// which compares the numbers begun with. The images should be normalised as the model's were.
    ///
    /// - Returns: what became of the layers that end in the classes.
    /// - Throws: ``TrainingError`` with code `mismatch` when the network is another one.
    @discardableResult
    public func begin(with model: Model) throws -> BegunClassifiers { try begin(with: [model]) }

    /// Begins with the mean of several trained networks' numbers; otherwise as with one network's.
    ///
    /// The mean of networks that went on from the same one is often better than each of them: a "model soup". The mean of their
    /// running statistics is only near its own: some steps must follow, at a small rate.
    ///
    /// - Parameter models: at least one, all of this network's architecture, with equal class names and normalisation.
    /// - Source: Wortsman et al., ICML 2022; along one run: Izmailov et al., UAI 2018.
    /// - Throws: ``TrainingError`` with code `mismatch` when the network is another one, or the models are not alike.
    @discardableResult
    public func begin(with models: [Model]) throws -> BegunClassifiers {
        guard let first = models.first else { throw TrainingError(.mismatch, "there is no model to begin with; give at least one") }
        for (index, model) in models.enumerated() {
            guard model.classNames == first.classNames, model.preprocessing == first.preprocessing else {
                throw TrainingError(
                    .mismatch,
                    "cannot begin with the mean of these models: the \(model.classNames == first.classNames ? "normalisation" : "classes") "
                        + "of number \(index + 1) differ\(model.classNames == first.classNames ? "s" : "") from the first's; give models that were trained on the same data")
            }
        }
        let own = state.parameters.tensors()
        let order = classOrder(in: first)
        let classifiers = Set(order == Array(0..<graph.classCount) ? [] : classifierTensors)
        var begun: [String: [Float]] = [:]
        for spec in graph.parameters {
            if !classifiers.contains(spec.name) {
                begun[spec.name] = try mean(of: spec, in: models)
            } else if let order {
                let values = try mean(of: spec, in: models)
                let row = values.count / graph.classCount
                begun[spec.name] = order.flatMap { values[$0 * row..<($0 + 1) * row] }
            } else {
                begun[spec.name] = own[spec.name]
            }
        }
        try state.parameters.assign(begun)
        try state.average?.withAverage { try state.parameters.assign(begun) }
        firstWeights = Trainer.fingerprint(graph.parameters.flatMap { begun[$0.name] ?? [] })
        return classifiers.isEmpty ? .kept : order == nil ? .anew : .reordered
    }

    /// Where each class of the data is in a model; nil when that tells other classes apart.
    private func classOrder(in model: Model) -> [Int]? {
        let (own, theirs) = (loader.data.classNames, model.classNames)
        guard model.graph.classCount == graph.classCount else { return nil }
        if theirs.isEmpty || theirs == own { return Array(own.indices) }
        let order = own.compactMap { theirs.firstIndex(of: $0) }
        return Set(order).count == own.count && classesAreSeparate ? order : nil
    }

    /// Whether each class has rows of its own in the layers that end in the classes, and nothing mixes them behind: then classes can
    /// change places.
    private var classesAreSeparate: Bool {
        let nodes = graph.classifierNodes
        return graph.nodes.indices.allSatisfy { index in
            let node = graph.nodes[index]
            let readsClasses = node.inputs.contains(where: nodes.contains)
            switch node.operation {
            case .linear: return !readsClasses
            case .conv2d(let convolution): return !readsClasses && (!nodes.contains(index) || convolution.groups == 1)
            default: return !readsClasses || nodes.contains(index)
            }
        }
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
