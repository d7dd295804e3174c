import Foundation
import MExitCheckpoint
import MExitRuntime
import Testing
import _MExitTestSupport

/// The released files with every operation give the logits that numpy computed from them in float64 (tools/fixtures/format_files.py).
@Suite struct FormatLogitsTests {
    @Test(arguments: [("1.0-every-operation", "logits"), ("1.0-resize", "logits-resize")])
    func aReleasedFileAnswersAsTheReferenceDoes(file: String, logits: String) throws {
        let fixture = try FixtureFile("format/\(logits)")
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let model = try Checkpoint.read(path: folder.appendingPathComponent("Fixtures/format/\(file).mexit").path)
        let context = try InferenceContext(try CompiledModel(model))
        let input = try fixture.floats("input")
        let size = model.graph.inputShape.count
        for sample in 0..<(input.count / size) {
            let answers = Array(try context.anytime(.values(Array(input[sample * size..<(sample + 1) * size]))))
            for exit in model.graph.exits.indices {
                let all = try fixture.doubles("logits.\(exit)")
                let expected = Array(all[sample * model.graph.classCount..<(sample + 1) * model.graph.classCount])
                let scale = expected.map(abs).max() ?? 0
                #expect(scale > 0.01)
                // Sums of some hundred float32 products through a dozen layers: a hundred units in the last place.
                try assertClose(answers[exit].logits, expected, within: expected.map { _ in 1e-5 * scale }, "exit \(exit); \(FixtureFile.rebuild)")
            }
        }
    }
}
