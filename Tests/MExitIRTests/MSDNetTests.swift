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
        print(graph.eagerCosts().map(\.parameters))
    }

    /// What the authors' counter adds (ReLU elements, and pooling once per output element) brings the sums to its figures.
    @Test func costsAsTheAuthorsCountThem() throws {
        for (preset, growth, expected) in [
            ("msdnet-cifar-7", 6, [15.14, 25.51, 37.10, 46.33, 57.34, 66.96, 75.94]),
            ("msdnet-cifar-7", 16, [56.43, 101.00, 155.31, 198.10, 249.53, 298.05, 340.64]),
            ("msdnet-cifar-5", 6, [6.86, 14.35, 27.54, 41.71, 58.48]),
        ] {
            var architecture = try Architectures.preset(named: preset)
            guard case .msdnet(var configuration) = architecture.configuration else { continue }
            configuration.growth = growth
            architecture.configuration = .msdnet(configuration)
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
        print(millions(graph.eagerCosts()), graph.eagerCosts().map(\.parameters))
        let tiny = try Architectures.preset(named: "msdnet-tiny").graph(classes: 10)
        print(millions(tiny.eagerCosts()), millions(Graph.cumulative(try tiny.stageCosts())), tiny.eagerCosts().map(\.parameters))
    }
}
