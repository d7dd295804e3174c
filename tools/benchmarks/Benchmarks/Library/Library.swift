import Benchmark

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(metrics: [.wallClock], warmupIterations: 3, maxDuration: .seconds(1), maxIterations: 2000)
    for network in Network.all {
        runtimeBenchmarks(network)
        checkpointBenchmarks(network)
    }
    trainingBenchmarks()
    calibrationBenchmarks()
    dataBenchmarks()
}

/// For bodies that take microseconds and less: a thousand of them are one sample, and a thousandth of it is shown.
var manyTimes: Benchmark.Configuration {
    .init(metrics: [.wallClock], warmupIterations: 1, scalingFactor: .kilo, maxDuration: .seconds(1), maxIterations: 200)
}
