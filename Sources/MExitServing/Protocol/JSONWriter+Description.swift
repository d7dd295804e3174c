import MExitIR
import MExitRuntime

extension JSONWriter {
    /// The first line: enough for a client to prepare inputs and read answers.
    mutating func members(ready server: ServerDescription) {
        let model = server.model.compiled
        member("model", server.model.name)
        member("exits", model.stageCount)
        input(model)
        key("classes")
        array(0..<model.classCount) { $0.string(model.className($1)) }
        key("macs")
        array(model.cumulativeCosts) { $0.number($1.macs) }
        policy(server.policy)
        member("protocol", server.protocolName)
        member("version", server.model.version)
    }

    /// The answer to `{"op":"model"}`: the ready line's facts in full.
    mutating func members(model server: ServerDescription) {
        let model = server.model.compiled
        member("model", server.model.name)
        input(model)
        key("classes")
        array(0..<model.classCount) { $0.string(model.className($1)) }
        key("exits")
        array(0..<model.stageCount) { writer, stage in
            writer.object {
                $0.member("exit", model.exits[stage])
                $0.member("name", model.graph.exits[model.exits[stage]].name)
                $0.member("macs", model.cumulativeCosts[stage].macs)
                $0.member("flops", model.cumulativeCosts[stage].flops)
                $0.member("parameters", model.cumulativeCosts[stage].parameters)
            }
        }
        policy(server.policy)
        key("calibrated")
        array(model.policies) { writer, policy in writer.object { $0.members(policy) } }
        key("provenance")
        object { $0.provenance(server.model.provenance) }
        member("version", server.model.version)
    }

    private mutating func input(_ model: CompiledModel) {
        key("input")
        object { writer in
            writer.key("shape")
            writer.array(model.inputShape.dimensions) { $0.number($1) }
            writer.key("mean")
            writer.array(model.preprocessing.mean) { $0.number($1) }
            writer.key("std")
            writer.array(model.preprocessing.std) { $0.number($1) }
        }
    }

    private mutating func members(_ policy: NamedPolicy) {
        member("name", policy.name)
        member("kind", policy.measure)
        key("thresholds")
        array(policy.thresholds) { $0.number($1) }
        member("method", policy.method)
        member("expected_macs", policy.expectedMACs)
        member("expected_accuracy", policy.expectedAccuracy)
        member("samples", policy.samples)
    }

    private mutating func provenance(_ provenance: Provenance) {
        member("architecture", provenance.architecture)
        member("data", provenance.data)
        member("epochs", provenance.epochs)
        key("seed")
        raw(String(provenance.seed).utf8)
        key("validation_accuracy")
        array(provenance.validationAccuracy) { $0.number($1) }
        member("producer", provenance.producer)
    }
}
