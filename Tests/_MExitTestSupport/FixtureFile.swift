import Foundation

/// A file of Tests/Fixtures: tensors and strings written by the scripts of tools/fixtures, in the safetensors layout.
///
/// u64 little-endian length of the header; the header, JSON: name -> dtype, shape, data_offsets, and `__metadata__`, name -> string;
/// then the tensors' bytes, little-endian, row-major.
public struct FixtureFile: Sendable {
    public let name: String
    /// Seed, versions, the generator's command, and what the fixture says about itself; JSON where it is not plain text.
    public let metadata: [String: String]
    private let entries: [String: Entry]
    private let data: [UInt8]

    private struct Entry: Sendable {
        var type: String
        var shape: [Int]
        var bytes: Range<Int>
    }

    /// The command that writes all fixtures anew, for messages.
    public static let rebuild = "rebuild the fixtures with: tools/fixtures/generate.sh VENV_FOLDER"

    /// Reads `Tests/Fixtures/<name>.safetensors`.
    public init(_ name: String) throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures")
        let file = folder.appendingPathComponent("\(name).safetensors")
        guard let data = try? Data(contentsOf: file) else {
            throw TestSupportError("cannot read the fixture '\(file.path)'; \(FixtureFile.rebuild)")
        }
        try self.init(name: name, bytes: [UInt8](data))
    }

    /// - Throws: when the bytes are not such a file; every offset and size is checked.
    public init(name: String, bytes: [UInt8]) throws {
        func fail(_ what: String) -> TestSupportError { TestSupportError("fixture '\(name)': \(what); \(FixtureFile.rebuild)") }
        self.name = name
        guard bytes.count >= 8 else { throw fail("\(bytes.count) bytes, shorter than the header's length") }
        let length = bytes[..<8].reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(bytes.count - 8) else { throw fail("a header of \(length) bytes in a file of \(bytes.count)") }
        let end = 8 + Int(length)
        guard let header = try? JSONSerialization.jsonObject(with: Data(bytes[8..<end])) as? [String: Any] else {
            throw fail("the header is not a JSON object")
        }
        data = Array(bytes[end...])
        metadata = header["__metadata__"] as? [String: String] ?? [:]
        var entries: [String: Entry] = [:]
        for (tensor, value) in header where tensor != "__metadata__" {
            guard let fields = value as? [String: Any], let type = fields["dtype"] as? String, let shape = fields["shape"] as? [Int],
                let offsets = fields["data_offsets"] as? [Int], offsets.count == 2, let width = FixtureFile.widths[type],
                shape.allSatisfy({ (0...1 << 30).contains($0) })
            else { throw fail("the entry of '\(tensor)' is not dtype, shape, data_offsets") }
            let count = shape.reduce((width, false)) { result, size in
                let (product, overflow) = result.0.multipliedReportingOverflow(by: size)
                return (product, result.1 || overflow)
            }
            guard !count.1, 0 <= offsets[0], offsets[0] <= offsets[1], offsets[1] <= data.count, offsets[1] - offsets[0] == count.0 else {
                throw fail("'\(tensor)' of shape \(shape) lies at \(offsets) of \(data.count) bytes")
            }
            entries[tensor] = Entry(type: type, shape: shape, bytes: offsets[0]..<offsets[1])
        }
        self.entries = entries
    }

    private static let widths = ["F32": 4, "F64": 8, "I32": 4]

    /// Names of all tensors, sorted.
    public var names: [String] { entries.keys.sorted() }

    /// - Throws: when there is no such tensor.
    public func shape(_ tensor: String) throws -> [Int] { try entry(tensor).shape }

    /// The tensor's values, row-major.
    public func doubles(_ tensor: String) throws -> [Double] {
        let entry = try entry(tensor)
        return stride(from: entry.bytes.lowerBound, to: entry.bytes.upperBound, by: FixtureFile.widths[entry.type] ?? 8).map { start in
            switch entry.type {
            case "F64": Double(bitPattern: word(start, UInt64.self))
            case "I32": Double(Int32(bitPattern: word(start, UInt32.self)))
            default: Double(Float(bitPattern: word(start, UInt32.self)))
            }
        }
    }

    /// The values of a float32 tensor.
    public func floats(_ tensor: String) throws -> [Float] {
        guard try entry(tensor).type == "F32" else {
            throw TestSupportError("fixture '\(name)': '\(tensor)' is \(try entry(tensor).type), not F32; \(FixtureFile.rebuild)")
        }
        return try doubles(tensor).map(Float.init)
    }

    /// The metadata of this name, decoded from JSON.
    public func metadata<Value: Decodable>(_ key: String, as type: Value.Type = Value.self) throws -> Value {
        guard let text = metadata[key] else {
            throw TestSupportError("fixture '\(name)': no metadata '\(key)'; \(FixtureFile.rebuild)")
        }
        return try JSONDecoder().decode(type, from: Data(text.utf8))
    }

    private func word<Word: FixedWidthInteger>(_ start: Int, _: Word.Type) -> Word {
        var word: Word = 0
        for i in (0..<MemoryLayout<Word>.size).reversed() { word = word << 8 | Word(data[start + i]) }
        return word
    }

    private func entry(_ tensor: String) throws -> Entry {
        guard let entry = entries[tensor] else {
            throw TestSupportError("fixture '\(name)': no tensor '\(tensor)'; \(FixtureFile.rebuild)")
        }
        return entry
    }
}
