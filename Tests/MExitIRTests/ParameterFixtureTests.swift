import MExitIR
import Testing
import _MExitTestSupport

/// The built network has the tensors of the same network written in PyTorch, by name and shape.
@Suite struct ParameterFixtureTests {
    private struct Entry: Decodable {
        var name: String
        var shape: [Int]

        init(from decoder: Decoder) throws {
            var list = try decoder.unkeyedContainer()
            name = try list.decode(String.self)
            shape = try list.decode([Int].self)
        }
    }

    @Test func parametersAreThoseOfTheReference() throws {
        let fixture = try TinyNetworkFixture()
        let expected = try fixture.file.metadata("parameters", as: [Entry].self)
        let found = Dictionary(uniqueKeysWithValues: fixture.graph.parameters.map { ($0.name, $0.dimensions) })
        #expect(expected.count > 250)
        #expect(Set(found.keys) == Set(expected.map(\.name)))
        for entry in expected { #expect(found[entry.name] == entry.shape, "\(entry.name)") }
    }

    /// The generated numbers are those of Python, bit for bit.
    @Test func numbersAreThoseOfTheGenerator() throws {
        let fixture = try TinyNetworkFixture()
        let tensors = fixture.tensors()
        for name in fixture.file.names where name.hasPrefix("check.") {
            let values = name == "check.images" ? fixture.images("", count: try fixture.batch).flatMap { $0 } : tensors[String(name.dropFirst(6))] ?? []
            let stored = try fixture.file.floats(name)
            // The first values and the last ones.
            try assertSameBits(Array(values.prefix(stored.count / 2)) + values.suffix(stored.count / 2), stored, name)
        }
        #expect(fixture.file.names.filter { $0.hasPrefix("check.") }.count == 7)
        #expect(fixture.labels("", count: try fixture.batch).map(Double.init) == (try fixture.file.doubles("labels")))
    }
}
