import Benchmark
import MExitRuntime

/// A model, a context of 64 slots and as many pictures.
private struct Prepared {
    let model: CompiledModel
    let context: InferenceContext
    let inputs: [Input]

    init(_ network: Network) throws {
        model = try CompiledModel(network.model)
        context = try InferenceContext(model, slots: 64)
        inputs = network.pictures(64).map { .pixels($0) }
        try context.measureStages()
    }
}

/// What a program does with a model: compiles it, and classifies one picture or 64, in every mode.
func runtimeBenchmarks(_ network: Network) {
    func add(_ what: String, _ body: @escaping (Prepared) throws -> Void) {
        Benchmark("\(network.name): \(what)") { (benchmark: Benchmark, prepared: Prepared) in
            for _ in benchmark.scaledIterations { try body(prepared) }
        } setup: {
            try Prepared(network)
        }
    }
    Benchmark("\(network.name): compile") { benchmark in
        for _ in benchmark.scaledIterations { blackHole(try CompiledModel(network.model)) }
    }
    Benchmark("\(network.name): a context of 64 slots") { (benchmark: Benchmark, model: CompiledModel) in
        for _ in benchmark.scaledIterations { blackHole(try InferenceContext(model, slots: 64)) }
    } setup: {
        try CompiledModel(network.model)
    }
    add("one picture, exit 0") { blackHole(try $0.context.classify($0.inputs[0], policy: .exit(0))) }
    add("one picture, last exit") { blackHole(try $0.context.classify($0.inputs[0], policy: .last(of: $0.model))) }
    // Nothing is that sure: this is the cost of all exits and of the rule.
    add("one picture, confidence") { blackHole(try $0.context.classify($0.inputs[0], policy: .confidence(1, for: $0.model))) }
    add("one picture, anytime") { for answer in try $0.context.anytime($0.inputs[0]) { blackHole(answer) } }
    add("one picture, deadline in an hour") {
        blackHole(try $0.context.classify($0.inputs[0], policy: .last(of: $0.model), deadline: .now + .seconds(3600)))
    }
    add("64 pictures, confidence") { blackHole(try $0.context.classify(batch: $0.inputs, policy: .confidence(1, for: $0.model))) }
    add("64 pictures, half the budget, exact") {
        let budget = Budget.macs($0.inputs.count * ($0.model.cumulativeCosts.last?.macs ?? 0) / 2)
        blackHole(try $0.context.classify(batch: $0.inputs, budget: budget))
    }
}
