import Foundation
import MExitIR
import Testing

@testable import MExitCheckpoint

/// Files whose checksums all fit, and which lie.
@Suite struct HostileTests {
    /// Changes the valid file; the error must have the code and its message contain the part.
    private func refuses(
        _ part: String, _ code: CheckpointError.Code? = nil, sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout HandmadeFile) -> Void
    ) {
        var file = HandmadeFile.valid()
        change(&file)
        let error = #expect(throws: CheckpointError.self, sourceLocation: sourceLocation) { try Checkpoint.read(bytes: file.bytes()) }
        // Foundation's `contains`, where a file of this module imports it, finds no empty text anywhere.
        #expect(part.isEmpty || error?.message.contains(part) == true, "\(error?.message ?? "")", sourceLocation: sourceLocation)
        if let code { #expect(error?.code == code, sourceLocation: sourceLocation) }
    }

    @Test func theHandmadeFileIsValid() throws {
        let model = try Checkpoint.read(bytes: HandmadeFile.valid().bytes())
        #expect(model.graph == (try TestModels.smallest()).graph)
        #expect(model.tensors["a.weight"] == [0, 0, 0, 0])
    }

    /// The writer, read by hand: the message of a file is what the wire format says.
    @Test func theWriterAgreesWithTheHandmadeMessage() throws {
        var model = try TestModels.smallest()
        for name in model.tensors.keys { model.tensors[name] = [Float](repeating: 0, count: model.tensors[name]?.count ?? 0) }
        model.preprocessing = Preprocessing(mean: [0, 0], std: [1, 1])
        // The writer says also what is empty: a provenance without content.
        #expect(try ContainerReader(bytes: try Checkpoint.bytes(model)).content == HandmadeFile.valid().model() + [0x2A, 0])
    }

    @Test func graphsThatCannotBe() {
        refuses("reads node 2", .badModel) { $0.nodes[1].inputs = [2] }
        refuses("reads node 1", .badModel) { $0.nodes[1].inputs = [1] }
        refuses("reads node 4294967295", .badModel) { $0.nodes[1].inputs = [0xFFFF_FFFF] }
        refuses("field 99 of mexit.Node", .unsupportedFeature) { $0.nodes[1].operation = 99 }
        refuses("has no operation") { $0.nodes[1].operation = nil }
        refuses("activation function 77", .unsupportedFeature) {
            $0.nodes[1].operation = 19
            $0.nodes[1].content = Wire.message { $0.number(1, 77) }
        }
        refuses("activation function 0", .unsupportedFeature) {
            $0.nodes[1].operation = 19
            $0.nodes[1].content = []
        }
        refuses("unique", .badModel) { $0.nodes[2].name = "a" }
        refuses("name of 0 bytes", .malformed) { $0.nodes[1].name = "" }
        refuses("201 bytes", .malformed) { $0.nodes[1].name = String(repeating: "n", count: 201) }
        refuses("U+001B", .malformed) { $0.nodes[1].name = "a\u{1B}[2J" }
        refuses("U+202E", .malformed) { $0.exits[0].name = "a\u{202E}b" }
        refuses("it needs 1 ...", .badModel) { $0.exits = [] }
        refuses("node 7", .badModel) { $0.exits[1].logits = 7 }
        refuses("repeats", .badModel) { $0.exits[1] = ("e0", 2) }
        refuses("missing", .badModel) { $0.nodes = [] }
        refuses("second input", .badModel) { $0.nodes[1] = $0.nodes[0]; $0.nodes[1].name = "again" }
    }

    @Test func hugeNumbers() {
        for dims: [UInt64] in [[.max], [1 << 40], [1 << 21, 1 << 21, 1 << 21], [0], [1, 2], []] {
            refuses("") { $0.nodes[0].content = Wire.message { $0.numbers(1, dims) } }
        }
        for features: UInt64 in [0, 1 << 31, 0xFFFF_FFFF] {
            refuses("") { $0.nodes[1].content = Wire.message { $0.number(1, features) } }
        }
        for field: UInt64 in 1...7 {
            for value: UInt64 in [0, 1 << 20, 0xFFFF_FFFF] {
                refuses("") {
                    $0.nodes[0].content = Wire.message { $0.numbers(1, [1, 8, 8]) }
                    $0.nodes[1].operation = 17
                    $0.nodes[1].content = Wire.message { conv in
                        for other: UInt64 in 1...7 { conv.number(other, other == field ? value : 1) }
                    }
                }
            }
        }
        // A graph that asks for 8 GiB in a file of a few bytes.
        refuses("not possible", .malformed) {
            $0.nodes[0].content = Wire.message { $0.numbers(1, [1 << 15]) }
            $0.nodes[1].content = Wire.message { $0.number(1, (1 << 16) - 1) }
            $0.mean = []
            $0.segments[0].dims = [(1 << 16) - 1, 1 << 15]
            $0.segments[0].codec = 2
        }
    }

    @Test func directoriesThatLie() {
        refuses("offset 0", .malformed) { $0.segments[1].offset = 0 }
        refuses("offset 1", .malformed) { $0.segments[0].offset = 1 }
        refuses("offset 128", .malformed) { $0.segments[1].offset = 128 }
        refuses("its offset is", .malformed) { $0.segments[1].offset = .max }
        refuses("not possible", .malformed) { $0.segments[0].storedBytes = 1 << 40 }
        refuses("its stored bytes", .malformed) { $0.segments[0].storedBytes = .max }
        refuses("raw bytes", .malformed) { $0.segments[0].rawBytes = 1 << 40 }
        refuses("dimensions", .malformed) { $0.segments[0].dims = [1 << 32, 1 << 32] }
        refuses("dimensions", .malformed) { $0.segments[0].dims = [0] }
        refuses("dimension", .malformed) { $0.segments[0].dims = [UInt64](repeating: 1, count: 9) }
        refuses("dimensions [4]", .malformed) { $0.segments[0].dims = [4] }
        refuses("storage 5", .unsupportedFeature) { $0.segments[0].storage = 5 }
        refuses("raw bytes", .malformed) { $0.segments[0].storage = 2 }
        refuses("0 scales", .malformed) {
            $0.segments[0].storage = 4
            $0.segments[0].payload = [0, 0, 0, 0]
            $0.segments[0].rawBytes = 4
        }
        refuses("codec 9", .unsupportedFeature) { $0.segments[0].codec = 9 }
        refuses("two tensors", .malformed) { $0.segments[1].name = $0.segments[0].name }
        refuses("missing", .malformed) { $0.segments[1].name = Array("c.bias".utf8) }
        refuses("missing", .malformed) { $0.segments.removeLast() }
        refuses("belongs to no node", .malformed) { file in
            file.segments.append(HandmadeFile.Segment(name: [0x7A], dims: [1], stage: 1, payload: [0, 0, 0, 0]))
        }
        refuses("stage 1", .malformed) { $0.segments[0].stage = 1 }
        refuses("the graph needs it in", .malformed) { $0.segments[3].stage = 2 }
        refuses("not valid UTF-8", .malformed) { $0.segments[0].name = [0x61, 0xFF] }
        refuses("255 are allowed", .malformed) { $0.segments[0].name = [UInt8](repeating: 0x61, count: 256) }
    }

    @Test func segmentsThatDoNotInflateToWhatTheySay() throws {
        let zeros = [UInt8](repeating: 0, count: 4096)
        for payload in [
            try Zlib.deflate(zeros, level: 9), try Zlib.deflate([1, 2], level: 9), Array(try Zlib.deflate([UInt8](repeating: 1, count: 16), level: 9).dropLast()),
            [UInt8](repeating: 0x78, count: 12), try Zlib.deflate([UInt8](repeating: 0, count: 16), level: 9) + [0],
        ] where payload.count < 16 {
            refuses("inflate", .malformed) {
                $0.segments[0].codec = 2
                $0.segments[0].payload = payload
                $0.segments[0].rawBytes = 16
            }
        }
    }

    @Test func modelsThatDoNotFitTheirGraph() {
        refuses("2 class", .badModel) { $0.classNames = [[0x61]] }
        refuses("UTF-8", .malformed) { $0.classNames = [[0x61], [0xC0, 0x80]] }
        refuses("U+0007", .malformed) { $0.classNames = [[0x61], [0x62, 7]] }
        refuses("channels", .badModel) { $0.mean = [0] }
        refuses("finite", .badModel) { $0.mean = [.nan, 0] }
        let policy = Wire.message {
            $0.string(1, "p")
            $0.string(2, "luck")
        }
        refuses("luck", .badModel) { $0.extraModelBytes = Wire.message { $0.bytes(4, policy) } }
    }

    @Test func messagesThatAreNoMessages() {
        for message: [UInt8] in [[], [0xFF], [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], [0x0B], [UInt8](repeating: 0x0A, count: 64)] {
            #expect(throws: CheckpointError.self) { try Checkpoint.read(bytes: HandmadeFile.file(kind: 1, message: message, area: [])) }
        }
        // Millions of empty nodes: small in the file, large in memory.
        var graph = [UInt8](repeating: 0, count: 8 << 20)
        for index in stride(from: 0, to: graph.count, by: 2) { graph[index] = 0x0A }
        let model = Wire.message { $0.bytes(1, graph) }
        #expect(throws: CheckpointError.self) {
            try Checkpoint.read(bytes: HandmadeFile.file(kind: 1, message: Wire.message { $0.bytes(1, model) }, area: []))
        }
    }

    /// A file may have holes: its size costs nothing, and no memory is taken for a message that long.
    @Test func aMessageOverTheLimitIsNotRead() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/holes.mexit"
            let size = 1 << 36
            let header = ContainerHeader(
                kind: .model, messageIsDeflated: true, messageStoredBytes: size - ContainerHeader.bytes, messageRawBytes: 1 << 20, fileBytes: size,
                messageCRC32: 0)
            let file = try #require(fopen(path, "wb"))
            _ = header.encoded().withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
            fclose(file)
            // Not every file system has files of 64 GiB.
            guard truncate(path, off_t(size)) == 0 else { return }
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(path: path) }
            #expect(error?.message.contains("at most 67108864 are allowed") == true)
        }
    }

    @Test func theWrongKindIsNamed() throws {
        refuses("a training state, not a model", .wrongKind) { $0.kind = 2 }
        refuses("kind 9, not a model", .wrongKind) { $0.kind = 9 }
        let error = #expect(throws: CheckpointError.self) { try TrainingState.read(bytes: HandmadeFile.valid().bytes()) }
        #expect(error?.code == .wrongKind)
    }

    /// Bytes of the message changed at random, with checksums that fit: any answer but a trap.
    @Test func randomMessagesNeverTrap() throws {
        let reader = try ContainerReader(bytes: try Checkpoint.bytes(try TestModels.everyOperation()))
        var random = SplitMix64(state: 11)
        var refused = 0
        for _ in 0..<4000 {
            var content = reader.content
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                content[Int.random(in: content.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            var writer = ContainerWriter(kind: .model, level: 1)
            for segment in reader.segments {
                try writer.append(name: segment.name, dimensions: segment.dimensions, stage: segment.stage, values: [Float](repeating: 0, count: segment.count))
            }
            let bytes = try writer.bytes(content: content)
            do {
                let model = try Checkpoint.read(bytes: bytes)
                #expect(try Checkpoint.read(bytes: try Checkpoint.bytes(model)).graph == model.graph)
            } catch is CheckpointError {
                refused += 1
            }
        }
        #expect(refused > 2000)
    }
}
