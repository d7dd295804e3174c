import Benchmark
import MExitCalibration

/// Operating points from the logits of 5,000 samples at five exits, as many as a tenth of CIFAR-10's training images give.
func calibrationBenchmarks() {
    func add(_ what: String, _ wish: CalibrationWish) {
        let configuration = Benchmark.Configuration(metrics: [.wallClock], warmupIterations: 0, maxDuration: .seconds(10), maxIterations: 5)
        Benchmark("calibrate: \(what)", configuration: configuration) { (benchmark: Benchmark, logits: ExitLogits) in
            for _ in benchmark.scaledIterations { blackHole(try Calibrator(logits).run([(wish: wish, name: nil)])) }
        } setup: {
            try logits(samples: 5000, exits: 5, classes: 10)
        }
    }
    add("half the cost", .macs(9e6))
    add("ten points", .sweep(10))
    add("a proved gap", .risk(RiskWish(limit: 0.02)))
}

/// Noise that leans to the label, more so at later exits and for some samples than for others.
private func logits(samples: Int, exits: Int, classes: Int) throws -> ExitLogits {
    var random = SystemRandomNumberGenerator()
    let labels = (0..<samples).map { Int32($0 % classes) }
    let ease = (0..<samples).map { _ in Float.random(in: 0...3, using: &random) }
    let values = (0..<exits).map { exit in
        (0..<samples).flatMap { sample in
            (0..<classes).map { c in
                Float.random(in: -1...1, using: &random) + (c == Int(labels[sample]) ? ease[sample] * Float(exit + 2) / 4 : 0)
            }
        }
    }
    return try ExitLogits(name: "noise", labels: labels, classCount: classes, macs: (0..<exits).map { 6_000_000 + 3_000_000 * $0 }, values: values)
}
