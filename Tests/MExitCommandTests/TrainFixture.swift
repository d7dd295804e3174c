import Foundation
import _MExitTestSupport

/// A folder with little data and a little network: training takes a fraction of a second.
final class TrainFixture {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("mexit-train-\(UUID().uuidString)").path
        try write(
            Array(
                #"""
                {"family": "msdnet", "name": "micro", "input": [3, 16, 16],
                 "config": {"exits": 2, "base": 1, "step": 1, "channels": 4, "growth": 2, "growthFactors": [1, 2],
                            "bottleneckFactors": [1, 2], "headChannels": 8}}
                """#.utf8), to: "micro.json")
        // Bright photographs and dark ones, in several sizes, some of them grey.
        for (name, base) in [("day", 140), ("night", 20)] {
            for number in 0..<6 { try write(TrainFixture.picture(base: base, number: number), to: "photos/train/\(name)/\(number).png") }
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    static func picture(base: Int, number: Int) -> [UInt8] {
        var random = SeededGenerator(seed: UInt64(base + number))
        let (height, width) = [(16, 16), (9, 20), (33, 17)][number % 3]
        let samples = number % 2 == 0 ? 3 : 1
        let rows = (0..<height).map { _ in
            (0..<width * samples).map { _ in UInt8(base + Int.random(in: 0..<100, using: &random)) }
        }
        return PNGFixture.encode(rows: rows, width: width, samples == 3 ? .rgb : .grey)
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        let url = URL(fileURLWithPath: path).appendingPathComponent(name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }
    func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }
    func text(_ name: String) -> String { (try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)) ?? "" }

    /// Options of a training run; `@` stands for the folder. What is given again counts.
    func arguments(_ more: [String] = [], data: String = "images:@/photos", out: String = "@/m.mexit") -> [String] {
        (["--data", data, "--arch", "@/micro.json", "--out", out, "--epochs", "2", "--batch-size", "4", "--threads", "1"] + more)
            .map { $0.replacingOccurrences(of: "@", with: path) }
    }

    func train(_ more: [String] = [], data: String = "images:@/photos", out: String = "@/m.mexit") throws -> (
        status: Int32, output: String, errors: String
    ) {
        try ChildProcess.run("mexit-train", arguments(more, data: data, out: out))
    }
}
