import MExitCheckpoint
import MExitIR
import Testing

/// mexit-convert as a process.
@Suite struct ConvertCommandTests {
    private let files: SmallFiles

    init() throws { files = try SmallFiles() }

    @Test func everyStorageIsWrittenAndRead() throws {
        let source = files.path("small.mexit")
        for storage in TensorStorage.allCases {
            let out = files.path("\(storage).mexit")
            let result = try ChildProcess.run("mexit-convert", [source, "--store", storage.rawValue, "--out", out])
            #expect(result.status == 0 && result.errors.isEmpty && result.output.hasPrefix("\(out): "), "\(result)")
            let container = try ContainerReader(path: out)
            #expect(Set(container.segments.map(\.storage)) == [.f32, storage])
            let model = try Checkpoint.read(path: out)
            #expect(model.graph == files.model.graph && model.policies == files.model.policies && model.classNames == files.model.classNames)
            let listed = try ChildProcess.run("mexit-inspect", [out, "--tensors", "--verify"])
            #expect(listed.status == 0 && listed.output.contains(" \(storage) "), "\(listed)")
        }
        // f32 of f32 is the file that was read.
        #expect(try Checkpoint.read(path: files.path("f32.mexit")) == files.model)
    }

    @Test func failures() throws {
        let out = files.path("out.mexit")
        for (arguments, status, word) in [
            ([files.path("none.mexit"), "--store", "f16", "--out", out], Int32(1), "none.mexit"),
            ([try files.truncatedModel(), "--store", "f16", "--out", out], 1, "short.mexit"),
            ([files.path("small.mexit"), "--store", "f64", "--out", out], 64, "f64"), ([files.path("small.mexit"), "--out", out], 64, "--store"),
            ([files.path("small.mexit"), "--store", "f16", "--out", files.folder.path], 1, "not a regular file"),
        ] {
            let result = try ChildProcess.run("mexit-convert", arguments)
            #expect(result.status == status && result.output.isEmpty && result.errors.contains(word), "\(arguments): \(result)")
        }
        #expect(throws: CheckpointError.self) { try Checkpoint.read(path: out) }
    }
}
