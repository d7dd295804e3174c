import MExitCheckpoint
import MExitCommand
import MExitIR
import Testing
import _MExitTestSupport

@Suite struct InspectReportTests {
    private func checkpoint() throws -> CheckpointReader {
        let graph = try Architectures.preset(named: "msdnet-tiny").graph(classes: 10)
        let policy = NamedPolicy(
            name: "8M", measure: "confidence", thresholds: [0.9, 0.8, 0.7, 0.6], method: "grid\nsearch", expectedMACs: 8e6, expectedAccuracy: 0.9)
        return try CheckpointReader(bytes: try Checkpoint.bytes(try randomModel(graph, seed: 3, policies: [policy])), name: "tiny.mexit")
    }

    @Test func stagesAddUpToTheWholeFile() throws {
        let report = try InspectReport(checkpoint: try checkpoint(), listsTensors: true, verifies: true)
        let file = try #require(report.file)
        #expect(report.stages.count == 5)
        #expect(report.stages.reduce(0) { $0 + ($1.storedBytes ?? 0) } == file.tensorStoredBytes)
        #expect(report.tensors?.reduce(0) { $0 + $1.storedBytes } == file.tensorStoredBytes)
        #expect(file.verification?.nonFiniteValues == 0)
        #expect(file.tensorStoredBytes < file.tensorRawBytes)
        for (before, after) in zip(report.stages, report.stages.dropFirst()) {
            #expect(after.lazy.macs == before.lazy.macs + after.cost.macs)
            #expect(after.single.macs <= after.lazy.macs && after.lazy.macs <= after.eager.macs)
        }
        #expect(report.stages.last?.carriedValues == 0)
    }

    @Test func costsOfThePublishedNetwork() throws {
        let graph = try Architectures.preset(named: "msdnet-cifar-7").graph(classes: 100)
        let text = try InspectReport(graph: graph, name: "msdnet-cifar-7").text()
        for figure in ["13.26M", "75.49M", "14.97M", "51.89M", "3.07M"] { #expect(text.contains(figure), "\(figure)") }
        #expect(try InspectReport(graph: graph, name: "n", exits: [3]).stages.map(\.exit) == [3])
        #expect(throws: GraphError.self) { try InspectReport(graph: graph, name: "n", exits: [7]) }
    }

    @Test func textHoldsNoLineEndsOfTheFile() throws {
        let text = try InspectReport(checkpoint: try checkpoint()).text()
        #expect(text.contains("grid search"))
        #expect(text.contains("tiny.mexit, format 1.0"))
    }

    @Test func jsonHasSnakeCaseKeys() throws {
        let json = try jsonText(try InspectReport(checkpoint: try checkpoint()))
        for key in ["\"stored_bytes\"", "\"carried_bytes\"", "\"expected_macs\"", "\"class_names\"", "\"tensor_raw_bytes\""] {
            #expect(json.contains(key), "\(key)")
        }
    }
}
