import MExitIR
import Testing

/// ResNet and VGG: sizes against published figures, and where classifiers stand.
@Suite struct BlockChainTests {
    /// The network without classifiers inside, as published.
    private func bare(_ name: String, classes: Int) throws -> (macs: Int, parameters: Int) {
        var architecture = try Architectures.preset(named: name)
        if var configuration = architecture.configuration as? ResNetConfiguration {
            configuration.exits.shares = []
            architecture.configuration = configuration
        }
        if var configuration = architecture.configuration as? VGGConfiguration {
            configuration.exits.shares = []
            architecture.configuration = configuration
        }
        let graph = try architecture.graph(classes: classes)
        #expect(graph.exits.count == 1)
        let costs = try #require(try graph.stageCosts().first)
        return (costs.macs, graph.parameters.filter(\.isTrainable).reduce(0) { $0 + $1.count })
    }

    /// Multiply-adds in millions and parameters of chenyaofo/pytorch-cifar-models (projection shortcuts).
    @Test(arguments: [("resnet-20", 40.81, 272_474), ("resnet-32", 69.12, 466_906), ("resnet-56", 125.75, 855_770)])
    func cifarResNets(name: String, millions: Double, parameters: Int) throws {
        let (macs, count) = try bare(name, classes: 10)
        #expect((Double(macs) / 1e4).rounded() / 100 == millions && count == parameters)
    }

    /// He et al. 2016, table 6: 1.7 M parameters.
    @Test func resNet110() throws {
        let (macs, count) = try bare("resnet-110", classes: 10)
        #expect((Double(macs) / 1e6).rounded() == 253 && (Double(count) / 1e5).rounded() == 17)
    }

    /// GFLOPS (multiply-adds) and parameters of torchvision's table of models. Its VGG has a bias at each of the 4224
    /// channels, which a batch norm behind it takes away again; ours has none.
    @Test(arguments: [
        ("resnet-18", 1.81, 11_689_512), ("resnet-34", 3.66, 21_797_672), ("resnet-50", 4.09, 25_557_032),
        ("vgg-16-imagenet", 15.47, 138_365_992 - 4224),
    ])
    func imageNetNetworks(name: String, billions: Double, parameters: Int) throws {
        let (macs, count) = try bare(name, classes: 1000)
        #expect((Double(macs) / 1e7).rounded() / 100 == billions && count == parameters)
    }

    @Test func cifarVGG() throws {
        let (macs, count) = try bare("vgg-16", classes: 10)
        #expect((Double(macs) / 1e5).rounded() / 10 == 313.2 && count == 14_728_266 - 4224)
    }

    @Test func classifiersStandAtTheirShares() throws {
        for name in ["resnet-20", "resnet-56", "resnet-110", "vgg-16"] {
            let graph = try Architectures.preset(named: name).graph(classes: 10)
            #expect(graph.exits.count == 7)
            let macs = Graph.cumulative(try graph.stageCosts()).map(\.macs)
            for (exit, share) in [0.15, 0.3, 0.45, 0.6, 0.75, 0.9].enumerated() {
                // Half a block of the coarsest chain, a layer of VGG-16, is 6 % of it.
                #expect(abs(Double(macs[exit]) / Double(macs[6]) - share) < 0.07, "\(name), exit \(exit)")
            }
            // What classifiers cost is small beside the network.
            let alone = try graph.stageCosts(exits: [6])[0].macs
            #expect(Double(macs[6] - alone) < 0.01 * Double(alone), "\(name)")
            // Classifiers see 4x4 at most.
            for (index, node) in graph.nodes.enumerated() where node.name.hasSuffix(".flatten") && node.name.hasPrefix("exit") {
                #expect(graph.shapes[node.inputs[0]].height <= 4 && graph.shapes[index].channels > 0)
            }
            #expect(Set(graph.nodes.map(\.block)).isSuperset(of: ["exit0", "exit6"]))
        }
        #expect(try Architectures.preset(named: "resnet-50").graph(classes: 1000).exits.count == 4)
    }

    @Test func blocksInPlaceOfShares() throws {
        var configuration = ResNetConfiguration()
        configuration.depths = [2, 2]
        configuration.widths = [8, 16]
        configuration.exits = InternalClassifiers(blocks: [0, 1, 3], size: 1)
        let graph = try configuration.graph(input: .map(channels: 1, height: 9, width: 12), classes: 3)
        #expect(graph.exits.count == 4)
        let blocks = graph.exits.map { exit in
            // The block that the classifier's pooling reads.
            var node = exit.logits
            while graph.nodes[node].block.hasPrefix("exit") { node = graph.nodes[node].inputs[0] }
            return graph.nodes[node].block
        }
        #expect(blocks == ["stem", "stage0.block0", "stage1.block0", "stage1.block1"])
    }

    @Test func impossibleConfigurationsAreRefused() {
        let input = Shape.map(channels: 3, height: 32, width: 32)
        func message(_ change: (inout ResNetConfiguration) -> Void) -> String {
            var configuration = ResNetConfiguration()
            change(&configuration)
            do { _ = try configuration.graph(input: input, classes: 10) } catch { return "\(error)" }
            return ""
        }
        #expect(message { $0.depths = [] }.contains("0 depths and 3 widths"))
        #expect(message { $0.depths = [1, 0, 1] }.contains("depths [1, 0, 1]"))
        #expect(message { $0.widths = [1, 2, 5000] }.contains("widths"))
        #expect(message { $0.exits.shares = [0.5, 1.5] }.contains("shares lie between 0 and 1"))
        #expect(message { $0.exits.shares = [.nan] }.contains("shares lie between 0 and 1"))
        #expect(message { $0.exits.shares = [0.5, 0.501] }.contains("each block has one at most"))
        #expect(message { $0.exits.blocks = [27] }.contains("before the last"))
        #expect(message { $0.exits.blocks = [-1] }.contains("behind blocks [-1]"))
        #expect(message { $0.exits.size = 0 }.contains("0 x 0"))
        #expect(message { _ in } == "")
        var vgg = VGGConfiguration()
        vgg.hidden = [0]
        #expect(throws: GraphError.self) { try vgg.graph(input: input, classes: 10) }
        #expect(throws: GraphError.self) { try VGGConfiguration().graph(input: .map(channels: 3, height: 16, width: 16), classes: 10) }
    }
}
