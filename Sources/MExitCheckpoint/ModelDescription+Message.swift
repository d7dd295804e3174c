import CMExitProto
import MExitIR

extension ModelDescription {
    func message(arena: ProtoArena) throws -> UnsafeMutablePointer<Mexit__Model> {
        try classNames.enumerated().forEach { try TextRules.checkName($1, "class \($0)") }
        let graphMessage = try graph.message(arena: arena)
        let policyMessages = try policies.map { try $0.message(arena: arena) as UnsafeMutablePointer<Mexit__Policy>? }
        let gainMessage = try gainTables?.message(arena: arena)
        let provenanceMessage = try provenance.message(arena: arena)
        return arena.make(mexit__model__init) {
            $0.graph = graphMessage
            $0.preprocessing = arena.make(mexit__preprocessing__init) {
                $0.n_mean = preprocessing.mean.count
                $0.mean = arena.array(preprocessing.mean)
                $0.n_std = preprocessing.std.count
                $0.std = arena.array(preprocessing.std)
            }
            $0.n_class_names = classNames.count
            $0.class_names = arena.strings(classNames)
            $0.n_policies = policyMessages.count
            $0.policies = arena.array(policyMessages)
            $0.provenance = provenanceMessage
            $0.gain_tables = gainMessage
        }
    }

    init(decoding message: Mexit__Model) throws {
        guard let graph = message.graph?.pointee, let preprocessing = message.preprocessing?.pointee else {
            throw CheckpointError(.malformed, "the model's \(message.graph == nil ? "graph" : "preprocessing") is missing")
        }
        let decoded = try Graph(decoding: graph)
        // Before there are millions of names: `Model.check` has the rule.
        guard message.n_class_names == 0 || message.n_class_names == decoded.classCount else {
            throw CheckpointError(.badModel, "\(message.n_class_names) class names for \(decoded.classCount) classes; give one each or none")
        }
        self.init(
            graph: decoded,
            preprocessing: Preprocessing(
                mean: Array(repeated(preprocessing.mean, preprocessing.n_mean)), std: Array(repeated(preprocessing.std, preprocessing.n_std))),
            classNames: try repeated(message.class_names, message.n_class_names).enumerated().map { try decodedName($1, "class \($0)") },
            policies: try repeated(message.policies, message.n_policies).enumerated().map { index, policy in
                guard let policy = policy?.pointee else { throw CheckpointError(.malformed, "policy \(index) is missing") }
                return try NamedPolicy(decoding: policy, index: index)
            },
            gainTables: try message.gain_tables.map { try GainTables(decoding: $0.pointee, exits: decoded.exits.count) },
            provenance: try message.provenance.map { try Provenance(decoding: $0.pointee) } ?? Provenance())
        // `Model` checks this too, once there are tensors; a reader that never reads them may rely on it already.
        try Model.check(
            graph: self.graph, preprocessing: self.preprocessing, classNames: self.classNames, policies: self.policies, gainTables: gainTables)
    }
}

extension Provenance {
    /// The texts come from a command line and from directories' names: what they may not contain is replaced, since a
    /// training that ran for a day must not fail to save for it.
    fileprivate func message(arena: ProtoArena) throws -> UnsafeMutablePointer<Mexit__Provenance> {
        try arena.make(mexit__provenance__init) {
            $0.architecture = arena.string(TextRules.sanitised(architecture))
            $0.command = arena.string(TextRules.sanitised(command))
            $0.seed = seed
            $0.epochs = try unsigned(epochs, "the number of epochs")
            $0.data = arena.string(TextRules.sanitised(data))
            $0.data_fingerprint = arena.string(TextRules.sanitised(dataFingerprint))
            $0.n_validation_accuracy = validationAccuracy.count
            $0.validation_accuracy = arena.array(validationAccuracy)
            $0.producer = arena.string(TextRules.sanitised(producer))
        }
    }

    fileprivate init(decoding message: Mexit__Provenance) throws {
        self.init(
            architecture: try decodedText(message.architecture, "the architecture"), command: try decodedText(message.command, "the command"),
            seed: message.seed, epochs: try integer(message.epochs, "the number of epochs"),
            data: try decodedText(message.data, "the data's name"), dataFingerprint: try decodedText(message.data_fingerprint, "the data's fingerprint"),
            validationAccuracy: Array(repeated(message.validation_accuracy, message.n_validation_accuracy)),
            producer: try decodedText(message.producer, "the producer"))
    }
}
