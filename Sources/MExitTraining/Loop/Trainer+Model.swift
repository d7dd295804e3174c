import MExitIR

extension Trainer {
    /// The network as it is, with everything that a user of the file needs to know.
    ///
    /// - Throws: `ModelError` when the class names do not fit.
    public func model(classNames: [String], provenance: Provenance) throws -> Model {
        try Model(
            graph: graph, tensors: state.parameters.tensors(),
            preprocessing: Preprocessing(mean: normalization.mean, std: normalization.std), classNames: classNames,
            provenance: provenance)
    }
}
