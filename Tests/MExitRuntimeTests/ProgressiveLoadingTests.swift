import MExitCheckpoint
import MExitIR
import MExitRuntime
import Testing
import _MExitTestSupport

/// Models that are used while they are still being read.
@Suite struct ProgressiveLoadingTests {
    private func reader(_ model: Model, damagingStage stage: Int? = nil) throws -> CheckpointReader {
        var bytes = try Checkpoint.bytes(model)
        let whole = try CheckpointReader(bytes: bytes)
        if let stage {
            // Segments lie one behind the other up to the end of the file, each at a multiple of 64.
            let behind = whole.container.segments.filter { $0.stage >= stage }
            let room = behind.reduce(0) { $0 + ($1.storedBytes + 63) / 64 * 64 }
            bytes[bytes.count - room + 64] ^= 1
        }
        return try CheckpointReader(bytes: bytes)
    }

    @Test(arguments: [nil, [0], [1, 3], [4]] as [[Int]?])
    func givesTheSameLogits(exits: [Int]?) throws {
        for model in exits == nil ? [try Networks.tiny(), try Networks.mixed()] : [try Networks.tiny()] {
            let options = CompileOptions(exits: exits)
            let loading = try CompiledModel.loading(reader(model), options: options)
            let input = Input.values(Networks.input(model, seed: 4))
            // Asked at once: stages are waited for one by one.
            let early = Array(try InferenceContext(loading).anytime(input))
            #expect(early == Array(try InferenceContext(try CompiledModel(model, options: options)).anytime(input)))
            try loading.waitUntilLoaded()
            #expect(loading.loadedStages == loading.stageCount)
        }
    }

    /// What was read before the damage answers; what lies behind it is an error, every time, and nothing is started in vain.
    @Test func damageInALaterStageIsReportedThere() throws {
        let model = try Networks.tiny()
        let loading = try CompiledModel.loading(reader(model, damagingStage: 3))
        let context = try InferenceContext(loading)
        let input = Input.values(Networks.input(model, seed: 4))
        #expect(throws: CheckpointError.self) { try loading.waitUntilLoaded() }
        #expect(loading.loadedStages == 3)
        for _ in 0..<2 {
            #expect(try context.classify(input, policy: .exit(2)).exit == 2)
            #expect(throws: CheckpointError.self) { try context.classify(input, policy: .exit(3)) }
        }
        let steps = try context.anytime(input)
        for exit in 0..<3 { #expect(try steps.step()?.exit == exit) }
        #expect(throws: CheckpointError.self) { try steps.step() }
        #expect(try context.anytime(input).map(\.exit) == [0, 1, 2])
        // A deadline takes what there is.
        let timed = try context.classify(input, policy: .last(of: loading), deadline: .now + .seconds(60))
        #expect(timed.answer.exit == 2 && !timed.isLate)
        #expect(context.freeSlots == 1)
    }

    @Test func lettingGoEndsTheThread() throws {
        let model = try Networks.tiny()
        let reader = try reader(model)
        for _ in 0..<50 { _ = try CompiledModel.loading(reader) }
    }
}
