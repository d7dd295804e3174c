import MExitIR
import MExitRuntime
import _MExitTestSupport

/// A network of three exits on 3x8x8 inputs, some thousand multiply-adds in all.
enum TestModels {
    static func model() throws -> Model {
        var b = GraphBuilder(input: .map(channels: 3, height: 8, width: 8))
        var x = 0
        for exit in 0..<3 {
            x = b.convNormRelu(x, 4 + 2 * exit, kernel: 3, padding: 1, name: "layer\(exit)")
            let pooled = b.append(.globalAveragePool, [x], name: "pool\(exit)")
            let flat = b.append(.flatten, [pooled], name: "flat\(exit)")
            b.exit(b.append(.linear(Linear(outFeatures: 4)), [flat], name: "logits\(exit)"), name: "exit\(exit)")
        }
        let policy = NamedPolicy(name: "early", measure: "confidence", thresholds: [0, 0])
        return try randomModel(try b.build(), seed: 5, policies: [policy])
    }

    static func compiled() throws -> CompiledModel { try CompiledModel(model()) }
}
