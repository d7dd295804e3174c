import Foundation
import MExitIR
import Testing

@testable import MExitCheckpoint

/// The files of Tests/Fixtures/format, which every reader of the format has to pass (tools/fixtures/format_files.py).
@Suite struct FormatConformanceTests {
    struct Manifest: Decodable, Sendable {
        struct Valid: Decodable, Sendable, CustomTestStringConvertible {
            var file: String
            var exits: Int
            /// Of all tensors' f32 bytes, in the order of the file.
            var tensors_crc32: UInt32
            var testDescription: String { file }
        }
        struct Bad: Decodable, Sendable, CustomTestStringConvertible {
            var file: String
            /// Texts that every reader's message contains.
            var mentions: [String]
            var testDescription: String { file }
        }
        var valid: [Valid]
        var bad: [Bad]
    }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Fixtures/format").path

    static func manifest() throws -> Manifest {
        try JSONDecoder().decode(Manifest.self, from: try Data(contentsOf: URL(fileURLWithPath: "\(folder)/manifest.json")))
    }

    @Test func validFilesLoad() throws {
        let files = try Self.manifest().valid
        #expect(files.count >= 10)
        for file in files {
            let path = "\(Self.folder)/\(file.file)"
            let model = try Checkpoint.read(path: path)
            #expect(model.graph.exits.count == file.exits, "\(file.file)")
            var bytes: [UInt8] = []
            for entry in try TensorOrder.entries(of: model.graph) {
                for value in model.tensors[entry.spec.name] ?? [] { bytes.append(littleEndian: value.bitPattern) }
            }
            #expect(Zlib.crc32(bytes) == file.tensors_crc32, "\(file.file)")
            try CheckpointReader(path: path).verify()
        }
    }

    @Test func badFilesAreRefusedByName() throws {
        let files = try Self.manifest().bad
        #expect(files.count >= 150)
        for file in files {
            let error = #expect(throws: CheckpointError.self, "\(file.file)") { try Checkpoint.read(path: "\(Self.folder)/\(file.file)") }
            let message = error?.message ?? ""
            // Also where the list that is wrong has a million elements.
            #expect(message.utf8.count < 1000, "\(file.file)")
            for text in file.mentions { #expect(message.contains(text), "\(file.file): '\(message)' does not mention '\(text)'") }
        }
    }

    @Test func everyFileIsInTheManifest() throws {
        let manifest = try Self.manifest()
        let listed = Set(manifest.valid.map(\.file) + manifest.bad.map(\.file))
        #expect(Set(entries(of: Self.folder).filter { $0.hasSuffix(".mexit") }) == listed)
    }

    /// Read and written again, nothing is lost. The bytes may differ: another zlib deflates otherwise.
    @Test func theReleasedVersionIsWrittenAgain() throws {
        for name in ["1.0-smallest", "1.0-every-operation"] {
            let model = try Checkpoint.read(path: "\(Self.folder)/\(name).mexit")
            #expect(try Checkpoint.read(bytes: try Checkpoint.bytes(model)) == model)
        }
    }
}
