import MExitIR
import Testing

/// The figures of the published networks, in millions of multiply-adds, convolutions and linear layers only.
@Suite struct MSDNetTests {
    private func millions(_ costs: [Cost]) -> [Double] { costs.map { (Double($0.macs) / 1e5).rounded() / 10 } }

    @Test func costsOfTheSevenExitNetwork() throws {
        let graph = try Architectures.preset(named: "msdnet-cifar-7").graph(classes: 100)
        #expect(millions(graph.eagerCosts()) == [15.0, 25.3, 36.8, 46.0, 56.9, 66.5, 75.5])
        #expect(millions(Graph.cumulative(try graph.stageCosts())) == [13.3, 23.3, 35.8, 44.8, 55.6, 66.5, 75.5])
        let alone = try graph.exits.indices.map { try graph.stageCosts(exits: [$0])[0] }
        #expect(millions(alone) == [13.3, 19.7, 27.8, 33.6, 40.4, 46.3, 51.9])
        let parameters = graph.eagerCosts().map { (Double($0.parameters) / 1e4).rounded() / 100 }
        #expect(parameters == [0.43, 0.88, 1.27, 1.70, 2.18, 2.60, 3.07])
    }

    /// What the authors' counter adds (ReLU elements, and pooling once per output element) brings the sums to its figures.
    @Test func costsAsTheAuthorsCountThem() throws {
        for (preset, growth, expected) in [
            ("msdnet-cifar-7", 6, [15.14, 25.51, 37.10, 46.33, 57.34, 66.96, 75.94]),
            ("msdnet-cifar-7", 16, [56.43, 101.00, 155.31, 198.10, 249.53, 298.05, 340.64]),
            ("msdnet-cifar-5", 6, [6.86, 14.35, 27.54, 41.71, 58.48]),
        ] {
            var architecture = try Architectures.preset(named: preset)
            guard var configuration = architecture.configuration as? MSDNetConfiguration else { continue }
            configuration.growth = growth
            architecture.configuration = configuration
            let graph = try architecture.graph(classes: 100)
            var running = 0.0
            let sums = graph.nodes.indices.map { index in
                switch graph.nodes[index].operation {
                case .activation(.relu): running += Double(graph.shapes[index].count)
                case .averagePool(let pool): running += Double(graph.shapes[index].count * pool.kernel * pool.kernel)
                default: running += Double(graph.cost(ofNode: index).macs)
                }
                return running
            }
            let counted = graph.exits.map { (sums[$0.logits] / 1e4).rounded() / 100 }
            #expect(counted == expected, "\(preset), growth \(growth)")
        }
    }

    @Test func imageNetCosts() throws {
        let graph = try Architectures.preset(named: "msdnet-imagenet-step4").graph(classes: 1000)
        #expect(millions(graph.eagerCosts()) == [337.2, 681.7, 1003.7, 1249.6, 1355.6])
        #expect(graph.eagerCosts().map { (Double($0.parameters) / 1e4).rounded() / 100 } == [4.24, 8.77, 13.07, 16.75, 23.96])
    }

    @Test func exitsAddUpTheClassifiersBefore() throws {
        var configuration = MSDNetConfiguration()
        let input = Shape.map(channels: 3, height: 32, width: 32)
        let plain = try configuration.graph(input: input, classes: 10)
        configuration.ensemble = 3
        let graph = try configuration.graph(input: input, classes: 10)
        let summed = graph.exits.map { exit in
            let node = graph.nodes[exit.logits]
            return node.operation == .add ? node.inputs.map { graph.nodes[$0].name } : [node.name]
        }
        #expect(summed == (0..<7).map { exit in (max(0, exit - 2)...exit).map { "exit\($0).linear" } })
        #expect(graph.parameters.map(\.name) == plain.parameters.map(\.name))
        #expect(try graph.stageCosts().map(\.macs) == plain.stageCosts().map(\.macs))
    }

    @Test func impossibleConfigurationsAreRefused() throws {
        func message(_ change: (inout MSDNetConfiguration) -> Void, input: Shape = .map(channels: 3, height: 32, width: 32), classes: Int = 10) -> String {
            var configuration = MSDNetConfiguration()
            change(&configuration)
            let architecture = Architecture(name: "test", defaultInput: input, configuration: configuration)
            do { _ = try architecture.graph(classes: classes) } catch { return "\(error)" }
            return ""
        }
        #expect(message { $0.exits = 0 }.contains("exits is 0"))
        #expect(message { $0.base = -1 }.contains("base -1"))
        #expect(message { $0.growthFactors = [] }.contains("0 scales"))
        #expect(message { $0.bottleneckFactors = [1] }.contains("bottleneckFactors"))
        #expect(message { $0.growthFactors = [4, 2, 1] }.contains("must not fall"))
        #expect(message { $0.reduction = 0 }.contains("reduction"))
        #expect(message { $0.growth = 1; $0.growthFactors = [1, 1, 1] }.contains("less than one channel"))
        #expect(message { $0.headChannels = 0 }.contains("headChannels"))
        #expect(message { $0.ensemble = 0 }.contains("ensemble is 0"))
        #expect(message({ _ in }, input: .map(channels: 3, height: 8, width: 8)).contains("below 1x1"))
        #expect(message({ _ in }, input: .vector(12)).contains("takes a map"))
        #expect(message({ _ in }, classes: 0).contains("0 classes"))
        #expect(message({ _ in }) == "")
    }
}
