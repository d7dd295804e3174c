import MExitIR
import Testing

@testable import MExitCheckpoint

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite struct AtomicFileTests {
    private struct Stop: Error {}

    private func contents(_ path: String) throws -> [UInt8] {
        let source = try ByteSource(path: path)
        return try source.read(0..<source.count)
    }

    @Test func anErrorLeavesTheOldFileAndNothingElse() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a"
            try AtomicFile.write([1, 2, 3], to: path)
            #expect(throws: Stop.self) {
                try AtomicFile.write(to: path) {
                    try $0.write([UInt8](repeating: 9, count: 100_000))
                    throw Stop()
                }
            }
            #expect(try contents(path) == [1, 2, 3])
            #expect(entries(of: directory) == ["a"])
        }
    }

    @Test func theOldFileIsThereUntilTheNewOneIsWhole() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a"
            try AtomicFile.write([1], to: path)
            try AtomicFile.write(to: path) {
                try $0.write([2])
                #expect(try contents(path) == [1])
            }
            #expect(try contents(path) == [2])
        }
    }

    /// /dev/full takes the place of the temporary file's descriptor: every write fails as on a full disk.
    @Test func aFullDiskIsNamedAndLeavesNothing() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a"
            let full = open("/dev/full", O_WRONLY)
            try #require(full >= 0)
            defer { close(full) }
            let error = #expect(throws: CheckpointError.self) {
                try AtomicFile.write(to: path) {
                    dup2(full, $0.descriptor)
                    try $0.write([1, 2, 3])
                }
            }
            #expect(error?.code == .io)
            #expect(error?.description == "cannot save '\(path)': writing failed: No space left on device")
            #expect(entries(of: directory).isEmpty)
        }
    }

    @Test func whatKilledProcessesLeftIsRemoved() throws {
        try withTemporaryDirectory { directory in
            // A process that has ended and been waited for: its number is free.
            var gone: pid_t = 0
            var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("true"), nil]
            defer { free(arguments[0]) }
            try #require(posix_spawnp(&gone, "true", nil, nil, &arguments, nil) == 0)
            waitpid(gone, nil, 0)
            let kept = [
                "a", ".a.\(getpid()).1.tmp", ".a.1.1.tmp", ".b.\(gone).1.tmp", ".a.\(gone).tmp", ".a.\(gone).x.tmp", ".a.-1.1.tmp", ".a.tmp", "a.\(gone).1.tmp",
            ]
            for name in kept + [".a.\(gone).1.tmp", ".a.\(gone).12.tmp", ".a.\(getpid()).\(Int.max).tmp"] { try AtomicFile.write([1], to: "\(directory)/\(name)") }
            AtomicFile.removeLeftovers(of: "\(directory)/a")
            #expect(entries(of: directory).sorted() == kept.sorted())
            AtomicFile.removeLeftovers(of: "\(directory)/none/a")
            // Through a link they are beside its target.
            try AtomicFile.write([1], to: "\(directory)/.a.\(gone).3.tmp")
            #expect(symlink("\(directory)/a", "\(directory)/link") == 0)
            AtomicFile.removeLeftovers(of: "\(directory)/link")
            #expect(entries(of: directory).sorted() == (kept + ["link"]).sorted())
        }
    }

    /// Containers give every process the same id.
    @Test func leftoversOfTheSameIdAreNoObstacle() throws {
        try withTemporaryDirectory { directory in
            let next = AtomicFile.lastNumber + 1
            let left = (next..<next + 200).map { ".a.\(getpid()).\($0).tmp" }
            for name in left { close(open("\(directory)/\(name)", O_WRONLY | O_CREAT, 0o600)) }
            try AtomicFile.write([7], to: "\(directory)/a")
            #expect(entries(of: directory).sorted() == (left + ["a"]).sorted())
        }
    }

    /// 255 bytes are a name's limit, whatever its characters take.
    @Test func longNamesAreWritten() throws {
        try withTemporaryDirectory { directory in
            for name in [String(repeating: "é", count: 122) + ".mexit", String(repeating: "n", count: 255), String(repeating: "🦉", count: 63)] {
                try AtomicFile.write([1], to: "\(directory)/\(name)")
                AtomicFile.removeLeftovers(of: "\(directory)/\(name)")
                #expect(entries(of: directory) == [name])
                unlink("\(directory)/\(name)")
            }
        }
    }

    @Test func impossibleDestinationsAreNamed() throws {
        try withTemporaryDirectory { directory in
            let model = try TestModels.smallest()
            for (path, part) in [
                ("\(directory)/none/a.mexit", "creating a file in '\(directory)/none' failed: No such file or directory"),
                (directory, "not a regular file"), ("\(directory)/a/", "names a directory"), ("", "names a directory"),
                ("/dev/null", "not a regular file"), ("/proc/a.mexit", "creating a file in '/proc' failed"),
                ("\(directory)/" + String(repeating: "n", count: 300), "File name too long"),
            ] {
                let error = #expect(throws: CheckpointError.self, "\(path)") { try Checkpoint.write(model, to: path) }
                #expect(error?.code == .io)
                #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
            }
            #expect(entries(of: directory).isEmpty)
        }
    }

    @Test(.enabled(if: geteuid() != 0, "root may write anywhere")) func aReadOnlyDirectoryIsNamed() throws {
        try withTemporaryDirectory { directory in
            chmod(directory, 0o500)
            defer { chmod(directory, 0o700) }
            let error = #expect(throws: CheckpointError.self) { try AtomicFile.write([1], to: "\(directory)/a") }
            #expect(error?.message.contains("Permission denied") == true)
        }
    }

    @Test func linksAreFollowedAndPermissionsKept() throws {
        try withTemporaryDirectory { directory in
            try AtomicFile.write([1], to: "\(directory)/real")
            chmod("\(directory)/real", 0o640)
            symlink("real", "\(directory)/link")
            try AtomicFile.write([2], to: "\(directory)/link")
            #expect(try contents("\(directory)/real") == [2])
            var status = stat()
            lstat("\(directory)/link", &status)
            #expect(status.st_mode & S_IFMT == S_IFLNK)
            stat("\(directory)/real", &status)
            #expect(status.st_mode & 0o777 == 0o640)
        }
    }
}
