import Benchmark
import MExitCheckpoint

/// A model to bytes and back, on one thread and without a disk.
func checkpointBenchmarks(_ network: Network) {
    Benchmark("\(network.name): write a checkpoint") { benchmark in
        for _ in benchmark.scaledIterations { blackHole(try Checkpoint.bytes(network.model)) }
    }
    func add(_ what: String, _ body: @escaping ([UInt8]) throws -> Void) {
        Benchmark("\(network.name): \(what)") { (benchmark: Benchmark, bytes: [UInt8]) in
            for _ in benchmark.scaledIterations { try body(bytes) }
        } setup: {
            try Checkpoint.bytes(network.model)
        }
    }
    add("read a checkpoint's graph") { blackHole(try CheckpointReader(bytes: $0)) }
    add("read a checkpoint") { blackHole(try CheckpointReader(bytes: $0).readModel(threads: 1)) }
}
