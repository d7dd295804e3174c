import MExitIR
import Testing

@testable import MExitCheckpoint

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite struct DamageTests {
    @Test func everyFlippedByteIsSeen() throws {
        let bytes = try Checkpoint.bytes(try TestModels.everyOperation())
        for position in bytes.indices {
            for mask: UInt8 in [0x01, 0x80, 0xFF] {
                var damaged = bytes
                damaged[position] ^= mask
                #expect(throws: CheckpointError.self, "byte \(position) ^ \(mask)") { try Checkpoint.read(bytes: damaged) }
            }
        }
    }

    /// The same by the way that only compares checksums.
    @Test func verifyingSeesEveryFlippedByte() throws {
        let bytes = try Checkpoint.bytes(try TestModels.smallest())
        for position in bytes.indices {
            var damaged = bytes
            damaged[position] ^= 0x10
            #expect(throws: CheckpointError.self, "byte \(position)") { try CheckpointReader(bytes: damaged).verify() }
        }
    }

    @Test func everyLengthButTheRightOneIsRefused() throws {
        let bytes = try Checkpoint.bytes(try TestModels.everyOperation())
        for length in bytes.indices {
            #expect(throws: CheckpointError.self, "\(length) bytes") { try Checkpoint.read(bytes: Array(bytes[..<length])) }
        }
        for extra in [1, 64] {
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(bytes: bytes + [UInt8](repeating: 0, count: extra)) }
            #expect(error?.code == .truncated)
        }
    }

    @Test func aFileThatIsCutWhileItIsOpenIsAnError() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a.mexit"
            try Checkpoint.write(try TestModels.wide(), to: path)
            let reader = try CheckpointReader(path: path)
            truncate(path, off_t(reader.container.fileBytes / 2))
            let error = #expect(throws: CheckpointError.self) { try reader.readModel() }
            #expect(error?.code == .truncated)
        }
    }

    @Test func aNewerMajorVersionIsNamed() throws {
        let bytes = try Checkpoint.bytes(try TestModels.smallest())
        let newer = Self.withHeader(bytes) { $0[6] = 3 }
        let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(bytes: newer, name: "a.mexit") }
        #expect(error?.code == .unsupportedVersion)
        #expect(
            error?.description
                == "cannot load 'a.mexit': format version 3.0, this build reads up to 1.x; use a newer mexit, or export the model again with this one")
    }

    @Test func aNewerMinorVersionLoads() throws {
        let model = try TestModels.smallest()
        #expect(try Checkpoint.read(bytes: Self.withHeader(try Checkpoint.bytes(model)) { $0[8] = 9 }) == model)
    }

    @Test func headersThatLieAreRefused() throws {
        let bytes = try Checkpoint.bytes(try TestModels.smallest())
        // Kind, header bytes, codec of the message, its stored and raw bytes, bytes of the file: each with a checksum that fits.
        for (offset, width) in [(5, 1), (10, 2), (12, 4), (16, 8), (24, 8), (32, 8)] {
            for value: UInt64 in [0, 2, 3, 65, 4096, 0x7FFF_FFFF, 0xFFFF_FFFF, 1 << 62, .max] {
                let lie = Self.withHeader(bytes) { header in
                    for byte in 0..<width { header[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte))) }
                }
                if lie == bytes { continue }
                #expect(throws: CheckpointError.self, "\(value) at \(offset)") { try Checkpoint.read(bytes: lie) }
            }
        }
    }

    @Test func otherFilesAreNamed() throws {
        for other in ["", "MEXI", "PK\u{3}\u{4}", String(repeating: "x", count: 1000)] {
            let error = #expect(throws: CheckpointError.self) { try Checkpoint.read(bytes: Array(other.utf8)) }
            #expect(error?.code == .notACheckpoint)
        }
        let missing = #expect(throws: CheckpointError.self) { try Checkpoint.read(path: "/tmp/mexit-no-such-file.mexit") }
        #expect(missing?.description == "cannot load '/tmp/mexit-no-such-file.mexit': opening failed: No such file or directory")
        let directory = #expect(throws: CheckpointError.self) { try Checkpoint.read(path: "/tmp") }
        #expect(directory?.message.contains("not a regular file") == true)
    }

    /// Changes the header and corrects its checksum.
    static func withHeader(_ bytes: [UInt8], _ change: (inout [UInt8]) -> Void) -> [UInt8] {
        var header = Array(bytes[..<60])
        change(&header)
        header.append(littleEndian: Zlib.crc32(header))
        return header + bytes[64...]
    }
}
