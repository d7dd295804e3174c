import MExitIR
import Testing

/// The published configurations, counted by a second program that follows the authors' code line by line.
@Suite struct RANetTests {
    private static let scriptedCIFAR = "ranet-cifar", defaultCIFAR = "ranet-cifar-6", imageNet = "ranet-imagenet"

    /// Multiply-adds of convolutions and linear layers, and as the authors' counter has them: with ReLU elements, pooling once per
    /// element of each window, and biases of linear layers. In millions.
    @Test(arguments: [
        (scriptedCIFAR, 100, [15.75, 31.2, 44.5, 50.2, 60.37, 63.37, 89.6, 94.34], [15.83, 31.31, 44.69, 50.4, 60.71, 63.72, 90.26, 95.0]),
        (defaultCIFAR, 100, [13.39, 28.84, 42.14, 47.84, 58.01, 61.01], [13.45, 28.93, 42.31, 48.03, 58.34, 61.34]),
        (
            imageNet, 1000, [167.27, 519.52, 730.61, 902.45, 1050.39, 1116.92, 1585.11, 1677.05],
            [168.07, 520.47, 731.89, 903.79, 1052.25, 1118.8, 1589.01, 1680.98]
        ),
    ])
    func costs(preset: String, classes: Int, macs: [Double], asTheAuthorsCount: [Double]) throws {
        let graph = try Architectures.preset(named: preset).graph(classes: classes)
        func millions(_ count: Double) -> Double { (count / 1e4).rounded() / 100 }
        #expect(graph.eagerCosts().map { millions(Double($0.macs)) } == macs)
        var running = 0.0
        let sums = graph.nodes.indices.map { index in
            let elements = Double(graph.shapes[index].count)
            switch graph.nodes[index].operation {
            case .activation(.relu): running += elements
            case .averagePool(let pool), .maxPool(let pool): running += elements * Double(pool.kernel * pool.kernel)
            case .linear: running += Double(graph.cost(ofNode: index).macs) + elements
            default: running += Double(graph.cost(ofNode: index).macs)
            }
            return running
        }
        #expect(graph.exits.map { millions(sums[$0.logits]) } == asTheAuthorsCount)
    }

    /// Layers that grow with the block's number.
    @Test func linearGrowth() throws {
        var configuration = RANetConfiguration()
        configuration.step = 2
        configuration.stepMode = .linearGrowth
        let graph = try configuration.graph(input: .map(channels: 3, height: 32, width: 32), classes: 100)
        #expect(graph.eagerCosts().map { (Double($0.macs) / 1e4).rounded() / 100 } == [8.33, 21.71, 32.73, 41.4, 52.98, 58.68])
        #expect(graph.eagerCosts().map { (Double($0.parameters) / 1e4).rounded() / 100 } == [0.36, 0.9, 1.3, 1.8, 2.19, 2.62])
    }

    @Test func parameters() throws {
        let graph = try Architectures.preset(named: Self.scriptedCIFAR).graph(classes: 100)
        #expect(graph.eagerCosts().map { (Double($0.parameters) / 1e4).rounded() / 100 } == [0.48, 1.1, 1.51, 1.91, 2.22, 2.52, 2.95, 3.35])
    }

    /// The first exits are the coarsest sub-network's: nothing of the finer ones runs for them but the stem.
    @Test func coarseExitsNeedNothingFiner() throws {
        let graph = try Architectures.preset(named: Self.scriptedCIFAR).graph(classes: 10)
        let stages = try graph.stages()
        #expect(stages.count == 8)
        let blocks = Set((stages[0].nodes + stages[1].nodes).map { graph.nodes[$0].block })
        #expect(blocks == ["stem", "scale0.block1", "scale0.block2", "exit0", "exit1"])
        // Resized by a factor of two both ways.
        let resized = graph.nodes.indices.filter { if case .resize = graph.nodes[$0].operation { true } else { false } }
        #expect(!resized.isEmpty)
        for node in resized {
            let (from, to) = (graph.shapes[graph.nodes[node].inputs[0]].height, graph.shapes[node].height)
            #expect(from == 2 * to || to == 2 * from, "\(graph.nodes[node].name): \(from) to \(to)")
        }
    }

    @Test func impossibleConfigurationsAreRefused() {
        func message(_ input: Shape = .map(channels: 3, height: 32, width: 32), _ change: (inout RANetConfiguration) -> Void) -> String {
            var configuration = RANetConfiguration()
            change(&configuration)
            do { _ = try configuration.graph(input: input, classes: 10) } catch { return "\(error)" }
            return ""
        }
        #expect(message { $0.scales = [] }.contains("0 scales"))
        #expect(message { $0.scales = [1, 3, 4] }.contains("rise by at most 1"))
        #expect(message { $0.scales = [2, 3, 3] }.contains("start at 1"))
        #expect(message { $0.growthFactors = [1] }.contains("1 growthFactors for 3 scales"))
        #expect(message { $0.bottleneckFactors = [4, 2, 0] }.contains("bottleneckFactors"))
        #expect(message { $0.blocks = 0 }.contains("blocks 0"))
        #expect(message { $0.step = 65 }.contains("step is 65"))
        #expect(message { $0.growth = 3 }.contains("less than one channel"))
        #expect(message { $0.compression = 1 }.contains("compression is 1"))
        #expect(message { $0.reduction = 0 }.contains("reduction"))
        #expect(message { $0.headChannels = 0 }.contains("headChannels"))
        #expect(message(.map(channels: 3, height: 8, width: 8)) { _ in }.contains("below 1x1"))
        #expect(message(.vector(12)) { _ in }.contains("takes a map"))
        #expect(message { _ in } == "")
    }
}
