extension MSDNetConfiguration {
    public static let presets: [Architecture] = [
        preset("msdnet-cifar-7"),
        preset("msdnet-cifar-5") {
            $0.exits = 5
            $0.base = 1
            $0.step = 1
            $0.stepMode = .linearGrowth
        },
        preset("msdnet-tiny") {
            $0.exits = 5
            $0.base = 2
            $0.step = 1
            $0.headChannels = 64
        },
        // For experiments on a few cores: five exits, 1.2 to 4.8 M multiply-adds at 32x32.
        preset("msdnet-micro") {
            $0.exits = 5
            $0.base = 1
            $0.step = 1
            $0.channels = 8
            $0.growth = 4
            $0.bottleneckFactors = [1, 1, 2]
            $0.headChannels = 32
        },
        imageNet(step: 4),
        imageNet(step: 6),
        imageNet(step: 7),
    ]

    /// The published networks for 224x224, k = 4, 6, 7: k layers before each of five exits.
    private static func imageNet(step: Int) -> Architecture {
        preset("msdnet-imagenet-step\(step)", input: .map(channels: 3, height: 224, width: 224)) {
            $0.exits = 5
            $0.base = step
            $0.step = step
            $0.channels = 32
            $0.growth = 16
            $0.growthFactors = [1, 2, 4, 4]
            $0.bottleneckFactors = [1, 2, 4, 4]
            $0.stem = .imageNet
            $0.headChannels = nil
        }
    }
}
