import MExitIR
import MExitRuntime
import Testing
import _MExitTestSupport

/// Logits of msdnet-tiny against PyTorch in double precision (tools/fixtures/msdnet.py).
@Suite struct LogitsFixtureTests {
    @Test(arguments: [true, false])
    func equalThoseOfPyTorch(foldsBatchNorm: Bool) throws {
        let fixture = try TinyNetworkFixture()
        let batch = try fixture.batch
        let compiled = try CompiledModel(try fixture.model(), options: CompileOptions(foldsBatchNorm: foldsBatchNorm))
        let context = try InferenceContext(compiled, slots: batch)
        let images = fixture.images("", count: batch)
        let found = try images.map { Array(try context.anytime(.values($0))) }
        for exit in fixture.graph.exits.indices {
            let expected = try fixture.file.doubles("eval.logits.\(exit)")
            let scale = expected.map(abs).max() ?? 0
            #expect(scale > 0.1)
            try assertClose(
                found.flatMap { $0[exit].logits }, expected, within: expected.map { _ in 1e-5 * scale },
                "exit \(exit), batch norm \(foldsBatchNorm ? "folded" : "not folded"); \(FixtureFile.rebuild)")
        }
    }
}
