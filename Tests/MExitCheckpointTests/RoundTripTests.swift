import MExitIR
import Testing

@testable import MExitCheckpoint

@Suite struct RoundTripTests {
    @Test func aModelComesBackEqual() throws {
        for model in [try TestModels.everyOperation(), try TestModels.smallest(), try TestModels.wide()] {
            let bytes = try Checkpoint.bytes(model)
            let read = try Checkpoint.read(bytes: bytes)
            #expect(read == model)
            #expect(try Checkpoint.bytes(read) == bytes, "saving what was read gives other bytes")
            #expect(try Checkpoint.bytes(model) == bytes, "saving twice gives other bytes")
        }
    }

    @Test func theFileHoldsTheSameBytes() throws {
        try withTemporaryDirectory { directory in
            let model = try TestModels.everyOperation()
            let path = "\(directory)/model.mexit"
            try Checkpoint.write(model, to: path)
            #expect(try Checkpoint.read(path: path) == model)
            let source = try ByteSource(path: path)
            #expect(try source.read(0..<source.count) == Checkpoint.bytes(model))
            #expect(entries(of: directory) == ["model.mexit"])
        }
    }

    @Test func everyBitOfAFloatIsKept() throws {
        let special: [Float] = [
            0, -0.0, 1, .infinity, -.infinity, .nan, Float(bitPattern: 0x7F80_0001), Float(bitPattern: 0xFFC1_2345),
            .leastNonzeroMagnitude, .greatestFiniteMagnitude, .pi,
        ]
        // Few elements do not compress and are stored raw, many of a kind are deflated.
        for values in [special, [Float](repeating: -1.5e-3, count: 1000) + special] {
            let encoded = try TensorCodec.encode(values, level: 6)
            #expect(encoded.codec == (values.count == special.count ? .raw : .shuffleZlib))
            let decoded = try TensorCodec.decode(encoded.stored, codec: encoded.codec, count: values.count, what: "t")
            #expect(decoded.map(\.bitPattern) == values.map(\.bitPattern))
        }
    }

    /// A reader does not believe that much in so few bytes: what would break the rule is stored raw, the rest stays small.
    @Test func zerosAreStoredRawWhereTheyWouldDeflateTooWell() throws {
        var writer = ContainerWriter(kind: .trainingState)
        let zeros = [Float](repeating: 0, count: 9 << 20)
        for name in ["a", "b", "c"] { try writer.append(name: name, dimensions: [zeros.count], stage: 0, values: zeros) }
        let reader = try ContainerReader(bytes: try writer.bytes(content: []))
        #expect(reader.segments.map(\.codec) == [.shuffleZlib, .raw, .shuffleZlib])
        #expect(try reader.segments.allSatisfy { try reader.values(of: $0) == zeros })
    }

    @Test func tensorsLieInTheOrderOfStages() throws {
        let model = try TestModels.everyOperation()
        let reader = try CheckpointReader(bytes: try Checkpoint.bytes(model))
        #expect(reader.stages.count == 2)
        #expect(reader.container.segments.map(\.stage) == reader.container.segments.map(\.stage).sorted())
        #expect(Set(try reader.readTensors(stage: 1).keys) == ["grouped.weight", "grouped.bias", "exit1.linear.weight"])
        #expect(Set(try reader.readTensors(stage: 2).keys) == ["unused.weight", "unused.bias", "unused.runningMean", "unused.runningVariance"])
        var tensors: [String: [Float]] = [:]
        for stage in 0...2 { tensors.merge(try reader.readTensors(stage: stage)) { first, _ in first } }
        #expect(tensors == model.tensors)
        try reader.verify()
    }

    @Test func segmentsAreAligned() throws {
        let bytes = try Checkpoint.bytes(try TestModels.wide())
        let reader = try ContainerReader(bytes: bytes)
        #expect(reader.segments.allSatisfy { $0.offset % 64 == 0 })
        #expect(reader.segments.contains { $0.codec == .shuffleZlib })
        #expect(reader.fileBytes == bytes.count)
    }

    @Test func whatCannotBeReadBackIsNotWritten() throws {
        var model = try TestModels.smallest()
        model.classNames = ["a", "b\u{1B}[2J"]
        #expect(throws: CheckpointError.self) { try Checkpoint.bytes(model) }
        model.classNames = ["a"]
        #expect(throws: CheckpointError.self) { try Checkpoint.bytes(model) }
        model.classNames = []
        model.provenance.epochs = -1
        #expect(throws: CheckpointError.self) { try Checkpoint.bytes(model) }
        model.provenance.epochs = 0
        model.tensors["a.weight"] = [1]
        #expect(throws: CheckpointError.self) { try Checkpoint.bytes(model) }
    }

    @Test func provenanceIsMadePrintable() throws {
        var model = try TestModels.smallest()
        model.provenance.command = "mexit-train\u{7}\n--data a\u{202E}b"
        #expect(try Checkpoint.read(bytes: try Checkpoint.bytes(model)).provenance.command == "mexit-train \n--data a b")
    }
}
