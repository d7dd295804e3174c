// swift-tools-version: 6.0
import PackageDescription

// A program that embeds mexit. Outside this repository, take the package by its address and a version instead of the path.
let package = Package(
    name: "classify",
    dependencies: [.package(name: "mexit", path: "../../..")],
    targets: [
        .executableTarget(
            name: "classify",
            dependencies: [
                .product(name: "MExitCheckpoint", package: "mexit"), .product(name: "MExitRuntime", package: "mexit"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
