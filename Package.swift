// swift-tools-version: 6.0
// mexit: multi-exit neural networks that really exit early. docs/architecture.md draws the modules, in the order in
// which they import each other. Whoever imports MExitRuntime names it: SwiftPM builds a target
// again for changes of the modules it names, and layouts are compiled in.
import PackageDescription

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")
let collections: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")

// System libraries, found through pkg-config.
let system: [Target] = [
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(
        name: "CProtobufC", pkgConfig: "libprotobuf-c",
        providers: [.apt(["libprotobuf-c-dev"]), .brew(["protobuf-c"])]),
    .systemLibrary(
        name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"]), .brew(["jpeg-turbo"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"]), .brew(["libpng"])]),
]

// What the documentation promises to users of the package.
let exported: [Target] = [
    .target(name: "MExitIR"),
    .target(name: "MExitCheckpoint", dependencies: ["MExitIR", "MExitParallel", "CMExitProto", "CZlib"]),
    .target(
        name: "MExitRuntime", dependencies: ["MExitIR", "MExitCheckpoint", "MExitParallel", "CMExitKernels", histogram]),
    .target(name: "MExitData", dependencies: ["MExitIR", "MExitParallel", "CTurboJPEG", "CPNG"]),
    .target(
        name: "MExitTraining",
        dependencies: ["MExitIR", "MExitCheckpoint", "MExitParallel", "CMExitKernels", "MExitData"]),
    .target(name: "MExitCalibration", dependencies: ["MExitIR", "MExitParallel", "MExitRuntime", "MExitData"]),
    .target(
        name: "MExitServing",
        dependencies: ["CMExitProto", "MExitCheckpoint", "MExitParallel", "MExitRuntime", "MExitData", logging, collections, histogram]),
]

// Parts that only this package's own targets import.
let hidden: [Target] = [
    .target(name: "CMExitAPI"),
    .target(name: "MExitCAPI", dependencies: ["CMExitAPI", "MExitIR", "MExitCheckpoint", "MExitRuntime"]),
    .target(name: "CMExitKernels"),
    .target(name: "CMExitProto", dependencies: ["CProtobufC"], exclude: ["mexit.proto", "serve.proto"]),
    .target(name: "CMExitAllocations"),
    .target(name: "MExitParallel"),
    .target(
        name: "MExitCommand",
        dependencies: ["MExitIR", "MExitCheckpoint", "CMExitKernels", "MExitData", "MExitRuntime", argumentParser]),
    .target(
        name: "MExitLoad", dependencies: ["CMExitProto", "MExitCheckpoint", "MExitServing", "MExitData", "MExitCommand", collections]),
    .target(
        name: "MExitBenchmark",
        dependencies: [
            "MExitRuntime", "MExitTraining", "MExitCommand", "MExitCheckpoint", "MExitParallel", "CMExitKernels", "CMExitAllocations",
        ]),
]

let executables: [Target] = [
    .executableTarget(name: "mexit-train", dependencies: ["MExitTraining", "MExitCommand"]),
    .executableTarget(name: "mexit-calibrate", dependencies: ["MExitRuntime", "MExitCalibration", "MExitCheckpoint", "MExitCommand"]),
    .executableTarget(name: "mexit-eval", dependencies: ["MExitRuntime", "MExitCalibration", "MExitCommand"]),
    .executableTarget(name: "mexit-serve", dependencies: ["MExitRuntime", "MExitServing", "MExitCommand"]),
    .executableTarget(name: "mexit-load", dependencies: ["MExitLoad", "MExitServing", "MExitCommand"]),
    .executableTarget(name: "mexit-inspect", dependencies: ["MExitCheckpoint", "MExitCommand"]),
    .executableTarget(name: "mexit-convert", dependencies: ["MExitCheckpoint", "MExitCommand"]),
    .executableTarget(name: "mexit-bench", dependencies: ["MExitBenchmark", "MExitCommand"]),
]

let tests: [Target] = [
    .target(name: "_MExitTestSupport", dependencies: ["MExitIR", "CMExitKernels"], path: "Tests/_MExitTestSupport"),
    .testTarget(name: "MExitIRTests", dependencies: ["MExitIR", "_MExitTestSupport"]),
    .testTarget(name: "MExitKernelTests", dependencies: ["CMExitKernels", "_MExitTestSupport"]),
    .testTarget(name: "MExitCheckpointTests", dependencies: ["MExitCheckpoint", "CZlib", "_MExitTestSupport"]),
    .testTarget(name: "MExitDataTests", dependencies: ["MExitData", "CTurboJPEG", "CPNG", "_MExitTestSupport"]),
    .testTarget(name: "MExitRuntimeTests", dependencies: ["MExitRuntime", "MExitCheckpoint", "MExitParallel", "_MExitTestSupport"]),
    .testTarget(
        name: "MExitCAPITests", dependencies: ["MExitCAPI", "CMExitAPI", "MExitRuntime", "MExitCheckpoint", "_MExitTestSupport"]),
    .testTarget(name: "MExitTrainingTests", dependencies: ["MExitTraining", "MExitRuntime", "_MExitTestSupport"]),
    .testTarget(name: "MExitCalibrationTests", dependencies: ["MExitRuntime", "MExitCalibration", "MExitIR", "MExitData", "_MExitTestSupport"]),
    .testTarget(name: "MExitParallelTests", dependencies: ["MExitParallel"]),
    .testTarget(name: "MExitServingTests", dependencies: ["MExitRuntime", "CMExitProto", "MExitServing", "_MExitTestSupport"]),
    .testTarget(name: "MExitLoadTests", dependencies: ["MExitLoad", "MExitServing"]),
    .testTarget(name: "MExitBenchmarkTests", dependencies: ["MExitRuntime", "MExitBenchmark", "CMExitAllocations", "_MExitTestSupport"]),
    .testTarget(
        name: "MExitCommandTests",
        dependencies: [
            "MExitCommand", "CMExitProto", "MExitCheckpoint", "MExitData", "_MExitTestSupport", "mexit-train", "mexit-calibrate", "mexit-eval",
            "mexit-serve", "mexit-load", "mexit-inspect", "mexit-convert",
        ]),
]

let package = Package(
    name: "mexit",
    products: exported.map { .library(name: $0.name, targets: [$0.name]) }
        + executables.map { .executable(name: $0.name, targets: [$0.name]) }
        // The C interface, with the header of CMExitAPI: libmexit.so, and the same as an archive.
        + [
            .library(name: "mexit", type: .dynamic, targets: ["MExitCAPI"]),
            .library(name: "mexit-static", type: .static, targets: ["MExitCAPI"]),
        ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: system + hidden + exported + executables + tests,
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)
