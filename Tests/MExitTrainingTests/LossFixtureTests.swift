import MExitIR
import Testing
import _MExitTestSupport

@testable import MExitTraining

/// Exit weights, label smoothing, self-distillation and weight averages against PyTorch in double precision
/// (tools/fixtures/losses.py).
@Suite struct LossFixtureTests {
    private struct Case: Decodable {
        var name: String
        var smoothing: Double
        var share: Double
        var temperature: Double
        var weights: [Double]
        var mix: Double
    }

    @Test func lossesAndGradients() throws {
        let file = try FixtureFile("losses")
        let cases = try file.metadata("cases", as: [Case].self)
        #expect(cases.contains { $0.share > 0 && $0.temperature != 1 && $0.smoothing > 0 })
        for test in cases {
            let shape = try file.shape("\(test.name).logits")
            let (exits, rows, classes) = (shape[0], shape[1], shape[2])
            let logits = try file.floats("\(test.name).logits")
            let labels = try file.doubles("\(test.name).labels").map { Int32($0) }
            let others = try file.doubles("\(test.name).others").map { Int32($0) }
            let expected = try file.doubles("\(test.name).losses")
            let losses = try ExitLosses(
                exits: exits, classes: classes, labelSmoothing: test.smoothing,
                distillation: Distillation(share: test.share, temperature: test.temperature))
            var gradients = [Float](repeating: .nan, count: logits.count)
            try logits.withUnsafeBufferPointer { logits in
                try gradients.withUnsafeMutableBufferPointer { gradients in
                    try (labels + others).withUnsafeBufferPointer { labels in
                        for exit in 0..<exits {
                            let own = exit * rows * classes..<(exit + 1) * rows * classes
                            let result = losses(
                                exit: exit,
                                logits: { UnsafeBufferPointer(rebasing: logits[$0 * rows * classes..<($0 + 1) * rows * classes]) },
                                labels: UnsafeBufferPointer(rebasing: labels[..<rows]),
                                others: test.mix == 1 ? nil : UnsafeBufferPointer(rebasing: labels[rows...]), share: test.mix,
                                weight: test.weights[exit], gradient: UnsafeMutableBufferPointer(rebasing: gradients[own]))
                            // Doubles on both sides: rounding of some hundred terms.
                            #expect(abs(result.loss - expected[exit]) <= 1e-12 * max(1, abs(expected[exit])), "\(test.name) exit \(exit)")
                            _ = try #require(result.correct <= rows)
                        }
                    }
                }
            }
            try assertClose(
                gradients, try file.doubles("\(test.name).gradients"), within: try file.doubles("\(test.name).bound"),
                "\(test.name); \(FixtureFile.rebuild)")
        }
    }

    @Test(arguments: [0.5, 0.9]) func averages(decay: Double) throws {
        let file = try FixtureFile("losses")
        let shape = try file.shape("ema.weights")
        let weights = try file.floats("ema.weights")
        var builder = GraphBuilder(input: .vector(shape[1]))
        builder.exit(builder.append(.linear(Linear(outFeatures: 1, hasBias: false)), [0], name: "head"), name: "exit0")
        let parameters = try ParameterStore(graph: try builder.build())
        func set(_ step: Int) { _ = parameters.tensor(0).update(fromContentsOf: weights[step * shape[1]..<(step + 1) * shape[1]]) }
        set(0)
        let average = try WeightAverage(parameters: parameters, averaging: .exponential(decay: decay))
        var result: [Float] = []
        for step in 1..<shape[0] {
            set(step)
            average.add(0, step: step)
            result += average.withAverage { Array(parameters.tensor(0)) }
            #expect(Array(parameters.tensor(0)) == Array(weights[step * shape[1]..<(step + 1) * shape[1]]), "the weights come back")
        }
        try assertClose(
            result, try file.doubles("ema.\(decay).average"), within: try file.doubles("ema.\(decay).bound"), "decay \(decay); \(FixtureFile.rebuild)")
    }

    @Test(arguments: [1, 4, 100]) func shallowDeepRamp(epochs: Int) throws {
        let expected = try FixtureFile("losses").doubles("sdn.\(epochs)")
        let found = (0..<epochs).flatMap { ExitWeights.sdn.weights(macs: [15, 30, 45, 60, 75, 90, 100], epoch: $0, epochs: epochs) }
        #expect(found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    @Test(arguments: [1, 2, 7]) func risingWeights(exits: Int) throws {
        let expected = try FixtureFile("losses").doubles("linear.\(exits)")
        let found = ExitWeights.linear.weights(macs: Array(1...exits), epoch: 0, epochs: 9)
        #expect(found.count == expected.count && zip(found, expected).allSatisfy { abs($0 - $1) < 1e-12 })
    }

    @Test func weightsOfExits() throws {
        let macs = [1, 2, 4]
        #expect(ExitWeights.constant.weights(macs: macs, epoch: 0, epochs: 9) == [1, 1, 1])
        #expect(ExitWeights.linear.weights(macs: macs, epoch: 0, epochs: 9) == [0.5, 1, 1.5])
        #expect(ExitWeights(parsing: "0,2,1.5")?.weights(macs: macs, epoch: 3, epochs: 9) == [0, 2, 1.5])
        for text in ["constant", "linear", "sdn", "1.0,2.5"] { #expect(ExitWeights(parsing: text)?.description == text) }
        for text in ["", "steep", "1,,2", "1;2"] { #expect(ExitWeights(parsing: text) == nil) }
        for bad in [[0, 0], [-1, 2], [.nan, 1], [.infinity, 1]] {
            #expect(throws: TrainingError.self) { try ExitWeights.list(bad).check() }
        }
        let error = #expect(throws: TrainingError.self) { try ExitWeights.list([1, 2]).check(exits: 3) }
        #expect(error?.message.contains("2 exit weights (1.0,2.0) for a network of 3 exits") == true)
        for bad in [Distillation(share: 1.5), Distillation(share: .nan), Distillation(share: 0.5, temperature: 0)] {
            #expect(throws: TrainingError.self) { try bad.check() }
        }
    }
}
