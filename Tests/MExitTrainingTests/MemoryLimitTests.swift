import Testing

@testable import MExitTraining

@Suite struct MemoryLimitTests {
    @Test func aNetworkThatDoesNotFitIsRefused() throws {
        let keep = Keep(available: 5 << 20)
        _ = try keep.allocate(Float.self, count: 1 << 20)
        let error = #expect(throws: NetworkError.self) { try keep.allocate(Float.self, count: 1 << 19) }
        #expect(error?.message.contains("over 5 MiB of memory") == true, "\(String(describing: error))")
        _ = try keep.allocate(UInt8.self, count: 1 << 20)
        #expect(keep.bytes == 5 << 20)
        #expect(throws: NetworkError.self) { try keep.allocate(UInt8.self, count: 1) }
    }

    /// 2^60 bytes are more than any machine has, and are asked for before anything is touched.
    @Test func aBufferThatDoesNotFitIsRefused() {
        #expect(throws: NetworkError.self) { try AlignedBuffer(count: 1 << 58) }
        #expect(throws: NetworkError.self) { try AlignedBuffer(count: .max) }
    }

    @Test func savingNeedsMemoryToo() throws {
        let data = try texturePictures(count: 30).holdingOut(0, seed: 0)
        let trainer = try Trainer(graph: try microNetwork(), data: data, options: TrainingOptions(epochs: 1, warmup: 0), threads: 1)
        try trainer.checkSaving()
        let error = #expect(throws: NetworkError.self) { try trainer.checkSaving(available: 100) }
        #expect(error?.message.hasPrefix("saving needs 1 MiB of memory") == true, "\(String(describing: error))")
    }
}
