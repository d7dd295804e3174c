import Testing
import _MExitTestSupport

/// The reader of test data refuses what is not test data.
@Suite struct FixtureFileTests {
    private func bytes(_ header: String, _ data: [UInt8]) -> [UInt8] {
        let text = Array(header.utf8)
        return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text + data
    }

    @Test func readsEveryType() throws {
        let header = #"{"__metadata__":{"seed":"7","list":"[1,2]"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[],"data_offsets":[8,16]},"c":{"dtype":"I32","shape":[1,1],"data_offsets":[16,20]}}"#
        let data: [UInt8] = [0, 0, 0x80, 0x3F, 0, 0, 0x20, 0xC0, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F, 0xFE, 0xFF, 0xFF, 0xFF]
        let file = try FixtureFile(name: "x", bytes: bytes(header, data))
        #expect(file.names == ["a", "b", "c"])
        #expect(try file.floats("a") == [1, -2.5])
        #expect(try file.doubles("b") == [0.5])
        #expect(try file.doubles("c") == [-2])
        #expect(try file.shape("c") == [1, 1])
        #expect(try file.metadata("seed", as: Int.self) == 7)
        #expect(try file.metadata("list", as: [Int].self) == [1, 2])
        #expect(throws: TestSupportError.self) { try file.floats("b") }
        #expect(throws: TestSupportError.self) { try file.doubles("d") }
    }

    @Test(arguments: [
        #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
        #"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, #"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#,
        #"{"a":{"dtype":"F32","shape":[1073741824,1073741824,1073741824],"data_offsets":[0,8]}}"#, #"{"a":7}"#, "[]", "{",
    ])
    func refusesDamage(header: String) {
        #expect(throws: TestSupportError.self) { try FixtureFile(name: "x", bytes: bytes(header, [UInt8](repeating: 0, count: 8))) }
    }

    @Test func refusesTruncation() {
        #expect(throws: TestSupportError.self) { try FixtureFile(name: "x", bytes: [1, 2, 3]) }
        #expect(throws: TestSupportError.self) { try FixtureFile(name: "x", bytes: [UInt8](repeating: 0xFF, count: 20)) }
        #expect(throws: TestSupportError.self) { try FixtureFile("no-such-fixture") }
    }
}
