import Benchmark
import Foundation
import MExitData

/// A photograph from its file to pixels.
func dataBenchmarks() {
    let samples = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../../../models/samples").standardized
    Benchmark("decode twelve 32x32 JPEG files") { (benchmark: Benchmark, files: [[UInt8]]) in
        let decoder = ImageDecoder()
        for _ in benchmark.scaledIterations {
            for file in files { blackHole(try decoder.decode(file)) }
        }
    } setup: {
        let paths = try FileManager.default.contentsOfDirectory(at: samples, includingPropertiesForKeys: nil).filter { $0.pathExtension == "jpg" }
        return try paths.map { [UInt8](try Data(contentsOf: $0)) }
    }
}
