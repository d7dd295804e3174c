import MExitCheckpoint
import MExitIR

extension Trainer {
    /// Everything that is needed to go on bit for bit, at any step: parameters, momentum, their average, position, the epoch's tally,
    /// conflict counts, and the options, so that another run cannot go on with it by mistake.
    ///
    /// - Throws: `ModelError`.
    public func checkpoint(classNames: [String], provenance: Provenance) throws -> TrainingState {
        let parameters = state.parameters
        var saved = TrainingState(model: try model(tensors: parameters.tensors(), classNames: classNames, provenance: provenance))
        for (name, values) in state.average?.withAverage({ parameters.tensors() }) ?? [:] {
            saved.tensors["average/" + name] = TrainingState.Tensor(dimensions: [values.count], values: values)
        }
        for tensor in parameters.trainable {
            saved.tensors["velocity/" + tensor.spec.name] = TrainingState.Tensor(
                dimensions: tensor.spec.dimensions, values: Array(state.optimizer.velocity.floats[tensor.range]))
        }
        saved.counters["step"] = UInt64(state.step)
        for (exit, tally) in state.tally.enumerated() {
            saved.numbers["tally/\(exit)/loss"] = tally.lossSum
            saved.counters["tally/\(exit)/correct"] = UInt64(tally.correct)
            saved.counters["tally/\(exit)/seen"] = UInt64(tally.seen)
        }
        let counts = deconfliction.statistics.counts
        saved.counters.merge(counts.whole) { own, _ in own }
        saved.numbers.merge(counts.cosines) { own, _ in own }
        for (name, value) in identity { saved.texts["options/" + name] = value }
        saved.texts[Trainer.heldOutImages] = heldOutFingerprint
        return saved
    }

    /// Goes on from a saved state.
    ///
    /// - Throws: ``TrainingError`` with code `mismatch` when it is of another network, other data or other options.
    public func resume(from saved: TrainingState, provenance: Provenance) throws {
        guard saved.model.graph == graph else { throw mismatch("it is of another network ('\(saved.model.provenance.architecture)')") }
        // Options first: seed and number of held-out images decide which images are trained on.
        for (name, value) in identity {
            let found = saved.texts["options/" + name] ?? Trainer.absent[name] ?? "missing"
            guard found == value else { throw mismatch("its \(name) is \(found), this run's \(value)") }
        }
        guard saved.model.provenance.dataFingerprint == provenance.dataFingerprint else {
            throw mismatch("it was trained on other images ('\(saved.model.provenance.data)')")
        }
        // Older states do not tell.
        if let held = saved.texts[Trainer.heldOutImages], held != heldOutFingerprint {
            throw mismatch("other images were held out of training")
        }
        guard saved.model.preprocessing == Preprocessing(mean: normalization.mean, std: normalization.std) else {
            throw mismatch("its images are normalised otherwise: with \(saved.model.preprocessing)")
        }
        guard let step = saved.counters["step"], step <= UInt64(options.epochs * stepsPerEpoch) else {
            throw mismatch("it is at step \(saved.counters["step"].map { "\($0)" } ?? "?") of \(options.epochs * stepsPerEpoch)")
        }
        let parameters = state.parameters
        for tensor in parameters.trainable where saved.tensors["velocity/" + tensor.spec.name]?.values.count != tensor.count {
            throw mismatch("the momentum of '\(tensor.spec.name)' is missing or of another size")
        }
        let tally = try graph.exits.indices.map { exit in
            var tally = ExitTally()
            guard let loss = saved.numbers["tally/\(exit)/loss"], let correct = saved.counters["tally/\(exit)/correct"],
                let seen = saved.counters["tally/\(exit)/seen"], correct <= seen, seen < 1 << 40
            else { throw mismatch("the results of exit \(exit) are missing") }
            tally.lossSum = loss
            tally.correct = Int(correct)
            tally.seen = Int(seen)
            return tally
        }
        try parameters.assign(saved.model.tensors)
        try state.average?.withAverage {
            let prefix = "average/"
            let named = saved.tensors.filter { $0.key.hasPrefix(prefix) }.map { (String($0.key.dropFirst(prefix.count)), $0.value.values) }
            try parameters.assign(Dictionary(named) { first, _ in first })
        }
        for tensor in parameters.trainable {
            _ = state.optimizer.velocity.floats[tensor.range].update(
                fromContentsOf: saved.tensors["velocity/" + tensor.spec.name]?.values ?? [])
        }
        deconfliction.statistics.restore(whole: saved.counters, cosines: saved.numbers)
        state.step = Int(step)
        state.tally = tally
    }

    private func mismatch(_ what: String) -> TrainingError {
        TrainingError(.mismatch, "cannot go on from the training state: \(what); resume with the network, data and options it was made with")
    }

    private static let heldOutImages = "images held out"

    /// What it means that a state does not mention an option.
    private static let absent = [
        "radius of CAGrad": "0.5", "exit weights": "constant", "distillation": "none", "decay of the weight average": "0.0", "mean of the weights": "none",
        "smallest part": "0.0", "crop side": "0",
        "mixing": "mixup 0.0 cutmix 0.0", "first weights": "random",
    ]

    /// What must be the same for two runs to be the same.
    private var identity: [(name: String, value: String)] {
        let augmentation = options.augmentation
        return [
            ("epochs", "\(options.epochs)"), ("batch size", "\(options.batchSize)"), ("learning rate", "\(options.learningRate)"),
            ("schedule", "\(options.schedule)"), ("warm-up", "\(options.warmup)"), ("momentum", "\(options.optimizer.momentum)"),
            ("weight decay", "\(options.optimizer.weightDecay)"), ("nesterov", "\(options.optimizer.nesterov)"),
            ("deconfliction", options.deconfliction.method.rawValue), ("scope", options.deconfliction.scope.rawValue),
            ("reduction", options.deconfliction.reduction.rawValue), ("projection strength", "\(options.deconfliction.strength)"),
            ("radius of CAGrad", "\(options.deconfliction.radius)"), ("label smoothing", "\(options.labelSmoothing)"),
            ("exit weights", "\(options.exitWeights)"),
            ("distillation", options.distillation.map { "\($0.share) at temperature \($0.temperature)" } ?? "none"),
            ("decay of the weight average", options.averaging.decay), ("mean of the weights", options.averaging.beginning),
            ("augmentation", "crop \(augmentation.cropPadding) flip \(augmentation.horizontalFlip) cutout \(augmentation.cutout)"),
            ("smallest part", "\(augmentation.smallestPart)"), ("crop side", "\(loader.data.cropSide ?? 0)"), ("mixing", "mixup \(options.mixing.mixup) cutmix \(options.mixing.cutmix)"),
            ("first weights", firstWeights ?? "random"), ("seed", "\(options.seed)"), ("validation images", "\(validation?.data.count ?? 0)"),
        ]
    }
}

extension Averaging {
    fileprivate var decay: String { if case .exponential(let decay) = self { "\(decay)" } else { "0.0" } }
    fileprivate var beginning: String { if case .mean(let from) = self { "from \(from)" } else { "none" } }
}
