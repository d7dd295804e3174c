import Foundation
import MExitIR
import Testing

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
