import MExitIR
import Testing

@testable import MExitCheckpoint

@Suite struct StorageTests {
    #if !(os(macOS) && arch(x86_64))
    @Test func everyHalfIsWhatTheProcessorSays() {
        for bits in UInt16.min...UInt16.max {
            let (found, expected) = (HalfFloat.value(of: UInt32(bits)), Float(Float16(bitPattern: bits)))
            #expect(found.isNaN ? expected.isNaN : found.bitPattern == expected.bitPattern, "\(bits)")
            #expect(found.isNaN ? HalfFloat.bits(of: found) & 0x7C00 == 0x7C00 : HalfFloat.bits(of: found) == bits, "\(bits)")
        }
    }

    @Test func roundingToHalfIsThatOfTheProcessor() {
        var random = SplitMix64(state: 5)
        var values: [Float] = [0, -0.0, 65504, 65519.996, 65520, 65536, .infinity, -.infinity, .leastNonzeroMagnitude, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-14]
        for _ in 0..<200_000 { values.append(Float(bitPattern: UInt32.random(in: 0...UInt32.max, using: &random))) }
        for _ in 0..<200_000 { values.append(Float.random(in: -1...1, using: &random) * 0x1p-13) }
        for value in values where !value.isNaN {
            #expect(HalfFloat.bits(of: value) == Float16(value).bitPattern, "\(value)")
        }
        #expect(HalfFloat.value(of: UInt32(HalfFloat.bits(of: .nan))).isNaN)
        // A NaN whose payload lies in the bits that are cut off must not become infinity.
        #expect(HalfFloat.value(of: UInt32(HalfFloat.bits(of: Float(bitPattern: 0x7F80_0001)))).isNaN)
    }
    #endif

    @Test func bfloatRoundsToTheNearestEven() {
        let rows: [(UInt32, UInt32)] = [
            (0x3F80_0000, 0x3F80), (0x3F80_8000, 0x3F80), (0x3F80_8001, 0x3F81), (0x3F81_8000, 0x3F82), (0x7F7F_FFFF, 0x7F80),
            (0x7F80_0000, 0x7F80), (0xFF80_0000, 0xFF80), (0x8000_0000, 0x8000), (0x0000_8001, 0x0001),
        ]
        for (bits, expected) in rows { #expect(BrainFloat.bits(of: Float(bitPattern: bits)) == expected) }
        #expect(Float(bitPattern: BrainFloat.bits(of: Float(bitPattern: 0x7F80_0001)) << 16).isNaN)
    }

    private func stored(_ values: [Float], _ storage: TensorStorage, channels: Int) throws -> [Float] {
        let encoded = try TensorCodec.encode(values, storage: storage, channels: channels, level: 6)
        return try TensorCodec.decode(
            encoded.stored, codec: encoded.codec, storage: storage, scales: encoded.scales, count: values.count, what: "t")
    }

    /// Errors stay within half of the last place, or of the channel's step; what was rounded once is not rounded again.
    @Test(arguments: [5, 4096]) func roundingErrorsAreBounded(size: Int) throws {
        var random = SplitMix64(state: 9)
        let channels = 3
        let values = (0..<channels * size).map { random.weight() * Float(1 + $0 / size) }
        for storage in TensorStorage.allCases {
            let found = try stored(values, storage, channels: channels)
            for channel in 0..<channels {
                let range = channel * size..<(channel + 1) * size
                let largest = values[range].map(\.magnitude).max() ?? 0
                for index in range {
                    let bound: Float =
                        switch storage {
                        case .f32: 0
                        case .f16: max(values[index].magnitude * 0x1p-11, 0x1p-25)
                        case .bf16: values[index].magnitude * 0x1p-8
                        case .int8: largest / 127 * 0.50001
                        }
                    #expect((found[index] - values[index]).magnitude <= bound, "\(storage) \(values[index])")
                }
            }
            #expect(try stored(found, storage, channels: channels) == found, "\(storage)")
        }
    }

    @Test func whatAStorageCannotHoldIsRefused() throws {
        for (value, storage) in [(Float(65536), TensorStorage.f16), (.infinity, .int8), (.nan, .int8)] {
            let error = #expect(throws: CheckpointError.self) { try TensorCodec.encode([1, value], storage: storage, level: 6, what: "tensor 'a'") }
            #expect(error?.message.contains("tensor 'a'") == true && error?.message.contains("\(value)") == true)
        }
        #expect(try stored([.infinity, .nan], .f16, channels: 1).first == .infinity)
        #expect(try stored([0, -0.0, .leastNonzeroMagnitude], .int8, channels: 1) == [0, 0, 0])
        #expect(try stored([0, 0, 0.5, -1], .int8, channels: 2)[3] == -1)
    }

    @Test func modelsShrinkAndLoad() throws {
        let model = try TestModels.wide()
        var sizes: [Int] = []
        for storage in [TensorStorage.f32, .bf16, .f16, .int8] {
            let bytes = try Checkpoint.bytes(model, storage: storage)
            let reader = try CheckpointReader(bytes: bytes)
            #expect(reader.container.version.minor == (storage == .f32 ? 0 : 1))
            #expect(reader.container.segments.map(\.storage).contains(storage))
            let read = try reader.readModel()
            #expect(read.tensors["hidden.bias"] == model.tensors["hidden.bias"])
            #expect((read.tensors["hidden.weight"] == model.tensors["hidden.weight"]) == (storage == .f32))
            #expect(try Checkpoint.bytes(read, storage: storage) == bytes, "writing what was read gives other bytes")
            sizes.append(bytes.count)
        }
        #expect(sizes[0] > sizes[1] && sizes[1] < sizes[0] * 6 / 10 && sizes[3] < sizes[0] * 4 / 10)
    }

    @Test func threadsReadTheSame() throws {
        let bytes = try Checkpoint.bytes(try TestModels.everyOperation())
        let container = try ContainerReader(bytes: bytes)
        let expected = try container.segments.map(container.values)
        for threads in [1, 2, 5] { #expect(try container.values(of: container.segments, threads: threads) == expected) }
        #expect(try container.values(of: [], threads: 2).isEmpty)
        var damaged = bytes
        damaged[damaged.count - 1] ^= 1
        let error = #expect(throws: CheckpointError.self) { try CheckpointReader(bytes: damaged).readModel(threads: 3) }
        #expect(error?.code == .damaged)
    }
}
