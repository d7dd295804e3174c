import MExitIR
import Testing

@testable import MExitCheckpoint

@Suite struct TrainingStateTests {
    private func state() throws -> TrainingState {
        TrainingState(
            model: try TestModels.everyOperation(),
            tensors: [
                "momentum/stem.conv.weight": .init(dimensions: [4, 2, 3, 3], values: (0..<72).map { Float($0) / 7 }),
                "average": .init(dimensions: [1], values: [-0.0]),
            ],
            counters: ["step": .max, "epoch": 0, "random.0": 0x0123_4567_89AB_CDEF], numbers: ["lr": 0.1, "best": -.infinity],
            texts: ["arguments": "--lr 0.1\n--seed 3", "empty": ""])
    }

    @Test func aStateComesBackEqual() throws {
        let state = try state()
        let bytes = try state.bytes()
        #expect(try TrainingState.read(bytes: bytes) == state)
        #expect(try state.bytes() == bytes)
        try withTemporaryDirectory { directory in
            try state.write(to: "\(directory)/state")
            #expect(try TrainingState.read(path: "\(directory)/state") == state)
        }
    }

    @Test func aStateIsNoModel() throws {
        let bytes = try state().bytes()
        let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(bytes: bytes) }
        #expect(error?.code == .wrongKind)
    }

    @Test func everyFlippedByteIsSeen() throws {
        let bytes = try TrainingState(model: try TestModels.smallest(), counters: ["step": 1]).bytes()
        for position in bytes.indices {
            var damaged = bytes
            damaged[position] ^= 0x04
            #expect(throws: CheckpointError.self, "byte \(position)") { try TrainingState.read(bytes: damaged) }
        }
    }

    @Test func namesThatClashAreRefused() throws {
        var state = try state()
        state.tensors["stem.conv.weight"] = .init(dimensions: [1], values: [1])
        #expect(throws: CheckpointError.self) { try state.bytes() }
        state.tensors = ["a": .init(dimensions: [2], values: [1])]
        #expect(throws: CheckpointError.self) { try state.bytes() }
        state.tensors = ["a": .init(dimensions: [0], values: [])]
        #expect(throws: CheckpointError.self) { try state.bytes() }
        state.tensors = [:]
        state.counters = ["": 1]
        #expect(throws: CheckpointError.self) { try state.bytes() }
    }
}
