import MExitIR
import Testing
import _MExitTestSupport

@testable import MExitRuntime

/// Product of experts and policies of the user's own.
@Suite struct PolicyTests {
    private let tiny: Model
    private let model: CompiledModel
    private let context: InferenceContext

    init() throws {
        tiny = try Networks.tiny()
        model = try CompiledModel(tiny)
        context = try InferenceContext(model, slots: 4)
    }

    private func input(_ seed: UInt64) -> Input { .values(Networks.input(tiny, seed: seed)) }

    /// The definition, in the plainest arithmetic: nil where every class is ruled out.
    private func product(_ exits: [[Float]]) -> [Double]? {
        var products = [Double](repeating: 1, count: exits[0].count)
        for (stage, logits) in exits.enumerated() {
            for index in products.indices {
                var factor = max(Double(logits[index]), 0)
                // x to the power (k + 1) / 5, by fifth roots.
                var root = 1.0
                for _ in 0..<200 where factor > 0 { root -= (root * root * root * root * root - factor) / (5 * root * root * root * root) }
                if factor > 0 { factor = (0...stage).reduce(1.0) { product, _ in product * root } }
                products[index] *= factor
            }
        }
        let sum = products.reduce(0, +)
        return sum > 0 ? products.map { $0 / sum } : nil
    }

    @Test func productsAreThoseOfTheDefinition() throws {
        var collapsed = 0
        for seed in 0..<40 as Range<UInt64> {
            let plain = Array(try context.anytime(input(seed)))
            let answers = Array(try context.anytime(input(seed), combination: .product))
            #expect(answers.map(\.logits) == plain.map(\.logits))
            for stage in plain.indices {
                let answer = answers[stage]
                guard let expected = product(plain[...stage].map(\.logits)) else {
                    collapsed += 1
                    #expect(answer == plain[stage])
                    continue
                }
                try #require(answer.combined.count == 10)
                for (found, expected) in zip(answer.combined, expected) { #expect(abs(found - expected) < 1e-9) }
                #expect(abs(answer.confidence - answer.combined[answer.label]) < 1e-12)
                #expect(answer.confidence == answer.combined.max())
                #expect(answer.top(1)[0].label == answer.label)
                // A class that is ruled out stays out.
                if stage > 0, answers[stage - 1].combined.count == 10 {
                    for index in 0..<10 where answers[stage - 1].combined[index] == 0 { #expect(answer.combined[index] == 0) }
                }
            }
        }
        #expect(collapsed < 200)
    }

    @Test func everythingRuledOutFallsBackToTheNewestExit() {
        let logits: [[Float]] = [[-1, -2, 3], [2, -1, -1]]
        let product = ExpertProduct(stages: 2, exitCount: 2, classes: 3) { stage in
            UnsafeBufferPointer(start: Permanent.copy(logits[stage]), count: 3)
        }
        #expect(product.likeliest == nil)
        let first = ExpertProduct(stages: 1, exitCount: 2, classes: 3) { stage in
            UnsafeBufferPointer(start: Permanent.copy(logits[stage]), count: 3)
        }
        #expect(first.likeliest == 2 && first.probabilities == [0, 0, 1])
    }

    @Test func productsGoWithEveryRule() throws {
        let all = Array(try context.anytime(input(3), combination: .product))
        for exit in model.exits {
            let policy = ExitPolicy(.exit(exit), combination: .product)
            #expect(try context.classify(input(3), policy: policy) == all[exit])
        }
        for measure in ConfidenceMeasure.allCases {
            let always = ExitPolicy(.threshold(measure, [0, 0, 0, 0]), combination: .product)
            #expect(try context.classify(input(3), policy: always) == all[0])
        }
        let batch = try context.classify(batch: (0..<9).map(input), policy: ExitPolicy(.exit(4), combination: .product))
        #expect(batch[3] == all[4])
        #expect(try ExitPolicy(text: "product:confidence:0.9", for: model)
            == ExitPolicy(.threshold(.confidence, [0.9, 0.9, 0.9, 0.9]), combination: .product))
        for text in ["product", "product:", "product:product:last", "product:x"] {
            #expect(throws: RuntimeError.self) { try ExitPolicy(text: text, for: model) }
        }
    }

    private struct Odd: CustomPolicy {
        let name = "odd labels leave"
        func leaves(_ sample: ExitView) -> Bool {
            precondition(sample.logits(ofStage: sample.stage).count == 10 && sample.logits(ofStage: sample.stage + 1).isEmpty)
            return sample.label % 2 == 1
        }
    }

    private struct Picky: CustomPolicy {
        let name = "picky"
        func check(_ model: CompiledModel) throws {
            guard model.stageCount == 3 else { throw RuntimeError(.badPolicy, "picky takes three exits") }
        }
        func leaves(_ sample: ExitView) -> Bool { true }
    }

    @Test func policiesOfOnesOwn() throws {
        let odd = ExitPolicy.custom(Odd())
        for seed in 0..<20 as Range<UInt64> {
            let all = Array(try context.anytime(input(seed)))
            let expected = all.first { $0.label % 2 == 1 } ?? all[4]
            #expect(try context.classify(input(seed), policy: odd) == expected)
        }
        let same = odd
        #expect(same == odd && odd != .custom(Odd()))
        #expect(throws: RuntimeError.self) { try CheckedPolicy(.custom(Picky()), for: model) }
        let three = try CompiledModel(tiny, options: CompileOptions(exits: [0, 2, 3]))
        let answer = try InferenceContext(three).classify(input(1), policy: .custom(Picky()))
        #expect(answer.exit == 0)
    }

    @Test func calibratedPoliciesFollowASubsetOfExits() throws {
        let point = NamedPolicy(
            name: "a", measure: "margin", thresholds: [0.1, 0.2, 0.3, 0.4], temperatures: [1, 2, 3, 4, 5], expectedMACs: 5e6)
        let model = try CompiledModel(
            try randomModel(tiny.graph, seed: 7, policies: [point]), options: CompileOptions(exits: [1, 3, 4]))
        #expect(try ExitPolicy(text: "calibrated:a", for: model) == ExitPolicy(.threshold(.margin, [0.2, 0.4]), temperatures: [2, 4, 5]))
    }
}

/// Memory that outlives every test.
enum Permanent {
    static func copy(_ values: [Float]) -> UnsafePointer<Float> {
        let copy = UnsafeMutablePointer<Float>.allocate(capacity: values.count)
        copy.initialize(from: values, count: values.count)
        return UnsafePointer(copy)
    }
}
