import Foundation
import MExitCheckpoint
import MExitIR
import _MExitTestSupport

/// A folder with a small model and labelled images that fit it, removed with its owner.
final class SmallFiles {
    let folder: URL
    /// Two exits, input 1x6x6, the classes "0", "1", "2", the policies "half" and "late".
    let model: Model

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("mexit-command-\(UUID().uuidString)")
        var builder = GraphBuilder(input: .map(channels: 1, height: 6, width: 6))
        let first = builder.convNormRelu(builder.input, 4, kernel: 3, padding: 1, name: "first")
        builder.exit(SmallFiles.head(on: first, "early", &builder), name: "early")
        let second = builder.convNormRelu(first, 8, kernel: 3, stride: 2, padding: 1, name: "second")
        builder.exit(SmallFiles.head(on: second, "late", &builder), name: "late")
        var model = try randomModel(
            try builder.build(), seed: 5,
            policies: [
                NamedPolicy(name: "half", measure: "confidence", thresholds: [0.5]),
                NamedPolicy(name: "late", measure: "margin", thresholds: [2]),
            ])
        model.classNames = ["0", "1", "2"]
        self.model = model
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Checkpoint.write(model, to: path("small.mexit"))
        try writeImages(count: 30, classes: 3, to: "digits")
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private static func head(on x: Int, _ name: String, _ builder: inout GraphBuilder) -> Int {
        let pooled = builder.append(.globalAveragePool, [x], name: "\(name).pool")
        let flat = builder.append(.flatten, [pooled], name: "\(name).flatten")
        return builder.append(.linear(Linear(outFeatures: 3)), [flat], name: "\(name).linear")
    }

    func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// Images as IDX files in a folder of their own, the same for training and test: noise of 6x6 pixels, labels in turn, or as
    /// `label` says.
    func writeImages(count: Int, classes: Int, to name: String, label: ((Int) -> UInt8)? = nil) throws {
        try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
        var generator = SeededGenerator(seed: 9)
        let pixels = (0..<count * 36).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for part in ["train", "t10k"] {
            try write([0, 0, 8, 3, 0, 0, 0, UInt8(count), 0, 0, 0, 6, 0, 0, 0, 6] + pixels, to: "\(name)/\(part)-images-idx3-ubyte")
            try write([0, 0, 8, 1, 0, 0, 0, UInt8(count)] + (0..<count).map { label?($0) ?? UInt8($0 % classes) }, to: "\(name)/\(part)-labels-idx1-ubyte")
        }
    }

    @discardableResult
    func write(_ bytes: [UInt8], to name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: path(name)))
        return path(name)
    }

    /// The model's file without its last bytes.
    func truncatedModel() throws -> String {
        try write(Array(try Data(contentsOf: URL(fileURLWithPath: path("small.mexit"))).dropLast(40)), to: "short.mexit")
    }

    /// The model's file with one bit of its last byte turned.
    func damagedModel() throws -> String {
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path("small.mexit"))))
        bytes[bytes.count - 1] ^= 1
        return try write(bytes, to: "damaged.mexit")
    }
}

/// The flags that a command's help must name.
func missingFlags(_ flags: [String], in help: String) -> [String] {
    flags.filter { flag in !help.split(whereSeparator: { " ,[]()<>\n=".contains($0) }).contains(Substring(flag)) }
}

/// The object that a command printed.
func jsonObject(_ text: String) throws -> [String: Any] {
    guard let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
        throw TestSupportError("no JSON object: \(text)")
    }
    return object
}
