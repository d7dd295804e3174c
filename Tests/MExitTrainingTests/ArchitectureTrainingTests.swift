import MExitIR
import MExitRuntime
import Testing

@testable import MExitTraining

/// Every family trains and runs: gradients, learning, and the runtime's logits for the trained weights.
@Suite struct ArchitectureTrainingTests {
    private static func small(_ family: String, size: Int = 16, classes: Int = 3) throws -> Graph {
        let input = Shape.map(channels: 3, height: size, width: size)
        switch family {
        case "basic", "bottleneck":
            var configuration = ResNetConfiguration()
            configuration.depths = [2, 1]
            configuration.widths = [6, 8]
            configuration.block = family == "basic" ? .basic : .bottleneck
            configuration.exits = InternalClassifiers(blocks: [1, 2], size: 2)
            return try configuration.graph(input: input, classes: classes)
        case "vgg":
            var configuration = VGGConfiguration()
            configuration.depths = [1, 2]
            configuration.widths = [6, 8]
            configuration.hidden = [10]
            configuration.exits = InternalClassifiers(blocks: [0, 1], size: 2)
            return try configuration.graph(input: input, classes: classes)
        case "ranet":
            var configuration = RANetConfiguration()
            configuration.scales = [1, 2]
            configuration.blocks = 1
            configuration.step = 2
            configuration.channels = 4
            configuration.growth = 4
            configuration.growthFactors = [2, 1]
            configuration.bottleneckFactors = [2, 2]
            configuration.compression = 0.5
            configuration.blockStep = 2
            configuration.headChannels = 8
            return try configuration.graph(input: input, classes: classes)
        default:
            var configuration = MSDNetConfiguration()
            configuration.exits = 3
            configuration.base = 1
            configuration.step = 1
            configuration.channels = 4
            configuration.growth = 2
            configuration.growthFactors = [1, 2]
            configuration.bottleneckFactors = [1, 2]
            configuration.headChannels = 8
            configuration.ensemble = family == "ensemble" ? 2 : 1
            return try configuration.graph(input: input, classes: classes)
        }
    }

    /// Finite differences need smooth functions: ReLU becomes tanh, maximum pooling average pooling.
    @Test(arguments: ["basic", "bottleneck", "vgg", "ranet", "ensemble"]) func gradients(family: String) throws {
        let graph = try Self.small(family, size: family == "ranet" || family == "ensemble" ? 16 : 8)
        let smooth = try Graph(
            nodes: graph.nodes.map { node in
                var node = node
                switch node.operation {
                case .activation(.relu): node.operation = .activation(.tanh)
                case .maxPool(let pool): node.operation = .averagePool(pool)
                default: break
                }
                return node
            }, exits: graph.exits)
        let found = try GradientCase(smooth).mismatches()
        #expect(found.isEmpty, "\(found)")
    }

    @Test(arguments: ["basic", "bottleneck", "vgg", "ranet", "msdnet"]) func learnsAndRuns(family: String) throws {
        let data = try texturePictures(count: 360).holdingOut(60, seed: 3)
        let options = TrainingOptions(epochs: 6, batchSize: 20, learningRate: 0.05, optimizer: SGDOptions(nesterov: true), seed: 5)
        let trainer = try Trainer(graph: try Self.small(family), data: data, options: options, threads: 2)
        #expect(try trainer.run() == .finished)
        let validated = trainer.validate()
        // Three classes: a third is chance.
        #expect(validated.count == 3 && validated.last.map { $0.accuracy > 0.7 } == true, "\(validated)")
        // The runtime's answers for the saved model are as accurate as the trainer's own.
        let model = try trainer.model(classNames: data.train.classNames, provenance: Provenance())
        let context = try InferenceContext(try CompiledModel(model))
        let held = try #require(data.validation)
        for exit in validated.indices {
            let right = try (0..<held.count).filter { index in
                let pixels = held.image(index).pixels
                return try context.classify(.pixels(pixels), policy: .exit(exit)).label == held.label(of: index)
            }.count
            // Rounding differs; a picture on the border of two classes may fall to either.
            #expect(abs(right - validated[exit].correct) <= 1, "exit \(exit)")
        }
    }
}
