import Foundation
import MExitIR
import Testing
import _MExitTestSupport

@Suite struct ArchitectureFileTests {
    private func decode(_ text: String) throws -> Architecture {
        try JSONDecoder().decode(Architecture.self, from: Data(text.utf8))
    }

    @Test func fieldsHaveDefaultsAndOverrides() throws {
        let architecture = try decode(#"{"family": "msdnet", "name": "mine", "input": [1, 28, 28], "config": {"exits": 3, "headChannels": null}}"#)
        var expected = MSDNetConfiguration()
        expected.exits = 3
        expected.headChannels = nil
        #expect(architecture == Architecture(name: "mine", defaultInput: .map(channels: 1, height: 28, width: 28), configuration: expected))
        #expect(try architecture.graph(classes: 10).exits.count == 3)
        let plain = try decode(#"{"family": "msdnet"}"#).configuration as? MSDNetConfiguration
        #expect(plain == MSDNetConfiguration())
    }

    /// Every preset has several exits, each dearer than the one before, at its usual input.
    @Test func everyPresetBuilds() throws {
        for preset in Architectures.presets {
            let graph = try preset.graph(classes: 10)
            let costs = Graph.cumulative(try graph.stageCosts()).map(\.macs)
            #expect(costs.count >= 4 && zip(costs, costs.dropFirst()).allSatisfy(<), "\(preset.name): \(costs)")
            #expect(graph.classCount == 10 && graph.inputShape == preset.defaultInput, "\(preset.name)")
        }
        #expect(Set(Architectures.presets.map(\.name)).count == Architectures.presets.count)
    }

    @Test func presetsSurviveTheRoundTrip() throws {
        for preset in Architectures.presets {
            let text = String(decoding: try JSONEncoder().encode(preset), as: UTF8.self)
            #expect(try decode(text) == preset)
        }
    }

    /// A graph's description, through its JSON, builds the same graph, for another number of classes as well.
    @Test func everyGraphSurvivesTheRoundTrip() throws {
        for preset in Architectures.presets {
            let description = Architecture(name: preset.name, of: try preset.graph(classes: 10))
            let read = try decode(String(decoding: try JSONEncoder().encode(description), as: UTF8.self))
            #expect(read == description)
            for classes in [10, 3] {
                #expect(try read.graph(classes: classes) == preset.graph(classes: classes), "\(preset.name)")
            }
        }
    }

    /// Also graphs that nobody would draw, with their own number of classes; an input of another name.
    @Test func randomGraphsSurviveTheRoundTrip() throws {
        for seed in 0..<500 as Range<UInt64> {
            let graph = try randomGraph(seed: seed)
            let text = String(decoding: try JSONEncoder().encode(Architecture(name: "random", of: graph)), as: UTF8.self)
            #expect(try decode(text).graph(classes: graph.classCount) == graph, "randomGraph(seed: \(seed)): \(text)")
        }
        var nodes = try randomGraph(seed: 1).nodes
        nodes[0].name = "pixels"
        nodes[0].block = "picture"
        let graph = try Graph(nodes: nodes, exits: try randomGraph(seed: 1).exits)
        let text = String(decoding: try JSONEncoder().encode(Architecture(name: "named", of: graph)), as: UTF8.self)
        #expect(try decode(text).graph(classes: graph.classCount) == graph)
    }

    private static let branches = #"""
        {"family": "graph", "input": [2, 8, 6], "config": {
          "nodes": [
            {"name": "stem.conv", "op": "conv2d", "outChannels": 4, "kernel": [3, 1], "padding": 1, "groups": 2},
            {"name": "stem.norm", "op": "batchNorm", "epsilon": 0.25},
            {"name": "stem.act", "op": "leakyRelu"},
            {"name": "early.pool", "op": "averagePool", "kernel": 2, "countIncludesPadding": false},
            {"name": "early.conv", "op": "conv2d", "outChannels": "classes", "kernel": 1, "hasBias": true},
            {"name": "early.mean", "op": "globalAveragePool"},
            {"name": "early.flat", "op": "flatten"},
            {"name": "body.pool", "op": "maxPool", "kernel": 3, "stride": 2, "padding": 1, "inputs": ["stem.act"]},
            {"name": "body.up", "op": "upsample", "factor": 2},
            {"name": "body.small", "op": "resize", "height": 8, "width": 8, "inputs": ["stem.act"]},
            {"name": "body.also", "op": "resize", "height": 8, "width": 8, "alignsCorners": true, "inputs": ["body.up"]},
            {"name": "body.sum", "op": "add", "inputs": ["body.small", "body.also"], "block": "middle"},
            {"name": "body.both", "op": "concat", "inputs": ["body.sum", "body.small"]},
            {"name": "late.flat", "op": "flatten"},
            {"name": "late.linear", "op": "linear", "outFeatures": "classes", "hasBias": false}],
          "exits": [{"name": "early", "logits": "early.flat"}, {"name": "late", "logits": "late.linear"}]}}
        """#

    @Test func aGraphIsReadNodeByNode() throws {
        let graph = try decode(Self.branches).graph(classes: 5)
        var builder = GraphBuilder(input: .map(channels: 2, height: 8, width: 6))
        func add(_ operation: MExitIR.Operation, _ inputs: [Int], _ name: String, block: String? = nil) -> Int {
            builder.block = block ?? String(name.split(separator: ".")[0])
            return builder.append(operation, inputs, name: name)
        }
        let stem = add(
            .conv2d(Conv2D(outChannels: 4, kernelHeight: 3, kernelWidth: 1, stride: 1, padding: 1, dilation: 1, groups: 2, hasBias: false)), [0],
            "stem.conv")
        let act = add(.activation(.leakyRelu(slope: 0.01)), [add(.batchNorm(epsilon: 0.25), [stem], "stem.norm")], "stem.act")
        let pool = add(.averagePool(Pool2D(kernel: 2, stride: 2, countIncludesPadding: false)), [act], "early.pool")
        let conv = add(.conv2d(Conv2D(outChannels: 5, kernel: 1, hasBias: true)), [pool], "early.conv")
        builder.exit(add(.flatten, [add(.globalAveragePool, [conv], "early.mean")], "early.flat"), name: "early")
        let up = add(.upsample(factor: 2), [add(.maxPool(Pool2D(kernel: 3, stride: 2, padding: 1)), [act], "body.pool")], "body.up")
        let small = add(.resize(Resize(height: 8, width: 8, alignsCorners: false)), [act], "body.small")
        let also = add(.resize(Resize(height: 8, width: 8, alignsCorners: true)), [up], "body.also")
        let both = add(.concat, [add(.add, [small, also], "body.sum", block: "middle"), small], "body.both")
        builder.exit(add(.linear(Linear(outFeatures: 5, hasBias: false)), [add(.flatten, [both], "late.flat")], "late.linear"), name: "late")
        #expect(try graph == builder.build())

        let again = Architecture(name: "again", of: graph)
        #expect(try decode(String(decoding: try JSONEncoder().encode(again), as: UTF8.self)).graph(classes: 7) == decode(Self.branches).graph(classes: 7))
    }

    @Test func mistakesInAGraphAreNamed() throws {
        func message(_ old: String, _ new: String) throws -> String {
            #expect(Self.branches.contains(old))
            do { _ = try decode(Self.branches.replacing(old, with: new)).graph(classes: 5) } catch { return "\(error)" }
            return ""
        }
        for (old, new, words) in [
            ("\"leakyRelu\"", "\"mish\"", ["node 'stem.act'", "'mish'", "conv2d, batchNorm, relu"]),
            ("\"factor\": 2", "\"factor\": 2, \"kernel\": 1", ["node 'body.up' (upsample)", "'kernel' is not known"]),
            ("\"factor\": 2", "\"factor\": -1", ["body.up", "'factor' is -1", "2147483647"]),
            ("\"factor\": 2", "\"factor\": 4000000000", ["body.up", "4000000000"]),
            ("\"factor\": 2", "\"factor\": 2147483647", ["body.up"]),
            ("[3, 1]", "[3, 1, 1]", ["stem.conv", "a list of 3"]),
            ("[3, 1]", "2147483647", ["stem.conv"]),
            ("\"padding\": 1, \"groups\"", "\"padding\": 2147483647, \"groups\"", ["stem.conv"]),
            (", \"outChannels\": 4", "", ["outChannels"]),
            ("\"outChannels\": 4", "\"outChannels\": \"four\"", ["outChannels"]),
            ("[\"body.up\"]", "[\"body.sum\"]", ["body.also reads 'body.sum'", "the input is called 'input'"]),
            ("\"logits\": \"late.linear\"", "\"logits\": \"late\"", ["exit 'late' reads 'late'"]),
            ("\"outFeatures\": \"classes\"", "\"outFeatures\": 4", ["'late'", "4 scores", "5"]),
            ("\"name\": \"body.up\"", "\"name\": \"stem.act\"", ["stem.act", "unique"]),
            ("\"name\": \"body.up\"", "\"name\": \"input\"", ["input", "unique"]),
        ] {
            let found = try message(old, new)
            #expect(words.allSatisfy(found.contains), "\(new): \(found)")
        }
        #expect(throws: GraphError.self) { try decode(#"{"family": "graph"}"#).graph(classes: 2) }
        let numbers = Self.branches.replacing("\"classes\"", with: "4")
        #expect(throws: GraphError(.badExit, "exit 'early' gives 4 scores for 5 classes; write \"classes\" for the outputs of the layer that gives them")) {
            try decode(numbers).graph(classes: 5)
        }
    }

    @Test func mistakesAreNamed() {
        func message(_ text: String) -> String {
            do { _ = try decode(text) } catch { return "\(error)" }
            return ""
        }
        #expect(message(#"{"family": "msdnet", "config": {"exit": 3}}"#).contains("'exit' is not known"))
        #expect(message(#"{"family": "msdnet", "colour": 3}"#).contains("'colour' is not known"))
        #expect(message(#"{"family": "lenet"}"#).contains("named 'lenet'; there are msdnet, resnet, vgg"))
        #expect(message(#"{"family": "resnet", "config": {"depth": [3]}}"#).contains("'depth' is not known"))
        #expect(message(#"{"family": "resnet", "config": {"exits": {"share": []}}}"#).contains("'share' is not known"))
        #expect(message(#"{"family": "vgg", "config": {"width": []}}"#).contains("'width' is not known"))
        #expect(message(#"{"family": "msdnet", "input": [3, 0, 3]}"#).contains("not possible"))
        #expect(message(#"{"config": {}}"#).contains("family"))
    }

    @Test func unknownPresetNamesThoseThereAre() {
        #expect(throws: GraphError(.unknownArchitecture, "no architecture is named 'msdnet-huge'; presets are \(Architectures.presets.map(\.name).joined(separator: ", ")), or give a JSON file")) {
            _ = try Architectures.preset(named: "msdnet-huge")
        }
    }
}
