import MExitIR

extension Trainer {
    /// The network as it is (with averaged weights where an average is kept), with everything that a user of the file needs to know.
    ///
    /// - Throws: `ModelError` when the class names do not fit.
    public func model(classNames: [String], provenance: Provenance) throws -> Model {
        let average = state.average
        return try model(
            tensors: average.map { $0.withAverage { state.parameters.tensors() } } ?? state.parameters.tensors(), classNames: classNames,
            provenance: provenance)
    }

    func model(tensors: [String: [Float]], classNames: [String], provenance: Provenance) throws -> Model {
        try Model(
            graph: graph, tensors: tensors,
            preprocessing: Preprocessing(mean: normalization.mean, std: normalization.std), classNames: classNames,
            provenance: provenance)
    }
}
