// swift-tools-version: 6.1
import PackageDescription

// Benchmarks of the library's calls, as programs that embed it make them. A package of its own, so that whoever uses mexit does
// not build it; docs/benchmarks.md says what it measures and what mexit-bench does instead.
let package = Package(
    name: "benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "mexit", path: "../.."),
        // Without its traits, which count allocations: mexit-bench and the tests do that.
        .package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Library",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "MExitIR", package: "mexit"), .product(name: "MExitCheckpoint", package: "mexit"),
                .product(name: "MExitRuntime", package: "mexit"), .product(name: "MExitData", package: "mexit"),
                .product(name: "MExitTraining", package: "mexit"), .product(name: "MExitCalibration", package: "mexit"),
            ],
            path: "Benchmarks/Library", resources: [.copy("networks.txt")],
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
    ],
    swiftLanguageModes: [.v6]
)
