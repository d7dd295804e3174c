// swift-tools-version: 6.0
// A package of its own: the fuzz target is linked with libFuzzer, which brings its own `main`. Built by tools/fuzz.sh.
import PackageDescription

let package = Package(
    name: "fuzz",
    dependencies: [.package(name: "mexit", path: "../..")],
    targets: [
        .target(name: "CLibFuzzer"),
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "CLibFuzzer", .product(name: "MExitCheckpoint", package: "mexit"), .product(name: "MExitRuntime", package: "mexit"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
