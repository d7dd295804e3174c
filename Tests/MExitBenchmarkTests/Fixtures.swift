import MExitIR
import MExitRuntime

@testable import MExitBenchmark

/// Small networks to measure: what is asserted is counts and structure, never time.
enum Fixtures {
    /// Two exits on 8x8 images: convolutions of both strides, norms, a sum, a concat, pooling.
    static func small() throws -> BenchmarkSubject {
        var b = GraphBuilder(input: .map(channels: 3, height: 8, width: 8))
        let stem = b.convNormRelu(0, 6, kernel: 3, padding: 1, name: "stem")
        let side = b.convNormRelu(stem, 6, kernel: 1, name: "side")
        let sum = b.append(.add, [stem, side], name: "sum")
        let joined = b.append(.concat, [stem, sum], name: "joined")
        let first = b.append(.globalAveragePool, [joined], name: "first.pool")
        let flat = b.append(.flatten, [first], name: "first.flat")
        b.exit(b.append(.linear(Linear(outFeatures: 4)), [flat], name: "first.linear"), name: "first")
        let down = b.convNormRelu(joined, 16, kernel: 3, stride: 2, padding: 1, name: "down")
        let pooled = b.append(.maxPool(Pool2D(kernel: 2, stride: 2)), [down], name: "pooled")
        let last = b.append(.flatten, [pooled], name: "last.flat")
        b.exit(b.append(.linear(Linear(outFeatures: 4)), [last], name: "last.linear"), name: "last")
        return try BenchmarkSubject(graph: try b.build(), name: "small", seed: 5)
    }

    static func settings() throws -> BenchmarkSettings { try BenchmarkSettings(repetitions: 3, warmups: 1) }

    static let peak = Peak(isa: "imagined", threads: 1, gflops: 100, samples: [100])
}
