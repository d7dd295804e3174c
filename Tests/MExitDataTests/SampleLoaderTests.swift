import MExitParallel
import Testing

@testable import MExitData

@Suite struct SampleLoaderTests {
    private func dense(_ loader: SampleLoader, _ index: Int, epoch: Int) -> [Float] {
        let (height, width) = (loader.data.size.height, loader.data.size.width)
        var out = [Float](repeating: .nan, count: loader.data.samplesPerImage)
        out.withUnsafeMutableBufferPointer {
            loader.fill(sample: index, epoch: epoch, into: $0.baseAddress!, rowStride: width, channelStride: height * width)
        }
        return out
    }

    /// What torchvision does, step by step: pad with black, crop, mirror, normalise; then hide a square.
    private func plain(_ loader: SampleLoader, _ index: Int, _ draw: Augmentation.Draw) -> [Float] {
        let image = loader.data.image(index)
        let (height, width) = (image.height, image.width)
        var out: [Float] = []
        for c in 0..<image.channels {
            for y in 0..<height {
                for x in 0..<width {
                    let fromX = (draw.isMirrored ? width - 1 - x : x) + draw.right
                    let fromY = y + draw.down
                    let inside = (0..<height).contains(fromY) && (0..<width).contains(fromX)
                    let sample = Float(inside ? image[c, fromY, fromX] : 0)
                    let hidden = draw.hiddenRows.contains(y) && draw.hiddenColumns.contains(x)
                    out.append(hidden ? 0 : sample * loader.normalization.scale[c] + loader.normalization.offset[c])
                }
            }
        }
        return out
    }

    static let augmentations: [Augmentation] = [
        .none, Augmentation(), Augmentation(cropPadding: 0), Augmentation(cropPadding: 2, horizontalFlip: false),
        Augmentation(cropPadding: 9, cutout: 3), Augmentation(cropPadding: 0, horizontalFlip: false, cutout: 4),
    ]

    @Test(arguments: augmentations) func equalsPlainLoops(augmentation: Augmentation) throws {
        let data = try formulaData(count: 12, height: 7, width: 6)
        let loader = try SampleLoader(data: data, normalization: Normalization(measuring: data), augmentation: augmentation, seed: 3)
        for index in 0..<12 {
            for epoch in 0..<6 {
                let draw = augmentation.draw(size: data.size, seed: 3, epoch: epoch, index: index)
                #expect(dense(loader, index, epoch: epoch) == plain(loader, index, draw))
            }
        }
    }

    /// A part enlarged by hand: cut out, then resized as Pillow does, which rounds to whole numbers twice.
    @Test func partsAreEnlargedAsPillowDoes() throws {
        let data = try formulaData(count: 6, height: 13, width: 10)
        let augmentation = Augmentation(horizontalFlip: true, smallestPart: 0.1)
        let loader = try SampleLoader(data: data, normalization: Normalization(measuring: data), augmentation: augmentation, seed: 3)
        var parts = Set<Augmentation.Part>()
        for index in 0..<6 {
            for epoch in 0..<8 {
                let draw = augmentation.draw(size: data.size, seed: 3, epoch: epoch, index: index)
                let part = try #require(draw.part)
                parts.insert(part)
                let image = data.image(index)
                var cut: [UInt8] = []
                for c in 0..<3 {
                    for y in 0..<part.height { for x in 0..<part.width { cut.append(image[c, part.top + y, part.left + x]) } }
                }
                let expected = ImageU8(height: part.height, width: part.width, pixels: cut).resized(to: data.size)
                let found = dense(loader, index, epoch: epoch)
                for c in 0..<3 {
                    for y in 0..<13 {
                        for x in 0..<10 {
                            let value = found[(c * 13 + y) * 10 + (draw.isMirrored ? 9 - x : x)]
                            let level = (value - loader.normalization.offset[c]) / loader.normalization.scale[c]
                            #expect(abs(level - Float(expected[c, y, x])) < 1.01)
                        }
                    }
                }
            }
        }
        #expect(parts.count > 30 && parts.allSatisfy { $0.height * $0.width >= 8 && $0.top + $0.height <= 13 && $0.left + $0.width <= 10 })
    }

    @Test func partsCoverTheirRange() {
        let size = ImageSize(height: 32, width: 32)
        let draws = (0..<4000).compactMap { Augmentation(smallestPart: 0.08).draw(size: size, seed: 1, epoch: $0 / 100, index: $0 % 100).part }
        let areas = draws.map { Double($0.height * $0.width) / 1024 }
        #expect(draws.count == 4000 && areas.allSatisfy { $0 > 0.07 && $0 <= 1 })
        // Large parts that do not fit their aspect ratio are drawn again, so the mean lies below the middle, 0.54.
        #expect(areas.reduce(0, +) / 4000 > 0.45 && areas.reduce(0, +) / 4000 < 0.56)
        #expect(draws.allSatisfy { (0.6...1.65).contains(Double($0.width) / Double($0.height)) })
        #expect(Set(draws.map(\.top)).count > 20)
    }

    @Test func strides() throws {
        let data = try formulaData(count: 3, height: 5, width: 4)
        let loader = try SampleLoader(data: data, normalization: Normalization(measuring: data), augmentation: Augmentation(cutout: 2), seed: 1)
        for index in 0..<3 {
            var map = [Float](repeating: -99, count: 3 * 60)
            map.withUnsafeMutableBufferPointer {
                loader.fill(sample: index, epoch: 2, into: $0.baseAddress! + 8, rowStride: 7, channelStride: 60)
            }
            let expected = dense(loader, index, epoch: 2)
            for at in map.indices {
                let (c, y, x) = (at / 60, (at % 60 - 8) / 7, (at % 60 - 8) % 7)
                let inside = at % 60 >= 8 && y < 5 && x < 4
                #expect(map[at] == (inside ? expected[(c * 5 + y) * 4 + x] : -99))
            }
        }
    }

    @Test func sameOnAnyNumberOfThreads() throws {
        let data = try formulaData(count: 64, height: 8, width: 8)
        let loader = try SampleLoader(
            data: data, normalization: Normalization(measuring: data), augmentation: Augmentation(cropPadding: 4, cutout: 3), seed: 11)
        func all(threads: Int) -> [Float] {
            var out = [Float](repeating: 0, count: 64 * 192)
            out.withUnsafeMutableBufferPointer { buffer in
                WorkerPool(threads: threads).run(64) { _, index in
                    loader.fill(sample: 63 - index, epoch: 4, into: buffer.baseAddress! + 192 * (63 - index), rowStride: 8, channelStride: 64)
                }
            }
            return out
        }
        let one = all(threads: 1)
        #expect(one == all(threads: 2) && one == all(threads: 4))
    }

    @Test func drawsCoverTheirRangeEvenly() {
        let augmentation = Augmentation(cropPadding: 4, horizontalFlip: true, cutout: 4)
        let size = ImageSize(height: 32, width: 32)
        let draws = (0..<9000).map { augmentation.draw(size: size, seed: 1, epoch: $0 / 100, index: $0 % 100) }
        // Each of 9 offsets is expected 1000 times, standard deviation 30: six of them is 180.
        for offset in -4...4 {
            #expect(abs(draws.count { $0.down == offset } - 1000) < 180)
            #expect(abs(draws.count { $0.right == offset } - 1000) < 180)
        }
        #expect(abs(draws.count { $0.isMirrored } - 4500) < 6 * 48)
        #expect(draws.allSatisfy { $0.hiddenRows.count <= 4 && $0.hiddenRows.lowerBound >= 0 && $0.hiddenColumns.upperBound <= 32 })
        #expect(Set(draws).count > 8000)
    }

    @Test func drawsDependOnSeedEpochAndIndexAlone() {
        let augmentation = Augmentation(cutout: 8)
        let size = ImageSize(height: 32, width: 32)
        func draws(seed: UInt64, epoch: Int) -> [Augmentation.Draw] {
            (0..<50).map { augmentation.draw(size: size, seed: seed, epoch: epoch, index: $0) }
        }
        #expect(draws(seed: 1, epoch: 2) == draws(seed: 1, epoch: 2))
        #expect(draws(seed: 1, epoch: 2) != draws(seed: 1, epoch: 3))
        #expect(draws(seed: 1, epoch: 2) != draws(seed: 2, epoch: 2))
        #expect(draws(seed: 1, epoch: 2) != draws(seed: 2, epoch: 1))
    }

    @Test func channelsMustAgree() throws {
        let data = try formulaData(channels: 1)
        let rgb = try Normalization(mean: [0, 0, 0], std: [1, 1, 1])
        #expect(errorCode { _ = try SampleLoader(data: data, normalization: rgb) } == .badOption)
    }
}

@Suite struct BatchSamplerTests {
    @Test(arguments: [(10, 3, false, 4), (10, 3, true, 3), (9, 3, false, 3), (9, 3, true, 3), (2, 5, false, 1)])
    func batches(count: Int, batchSize: Int, dropsLast: Bool, expected: Int) throws {
        let sampler = try BatchSampler(count: count, batchSize: batchSize, dropsLast: dropsLast, seed: 9)
        let batches = sampler.batches(epoch: 3)
        #expect(batches.count == expected && sampler.batchesPerEpoch == expected)
        #expect(Array(batches.joined()) == Array(sampler.order(epoch: 3).prefix(batches.joined().count)))
        #expect(batches.dropLast().allSatisfy { $0.count == batchSize })
        if !dropsLast { #expect(batches.joined().sorted() == Array(0..<count)) }
        for first in 0...expected { #expect(sampler.batches(epoch: 3, from: first) == Array(batches[first...])) }
    }

    @Test func ordersDifferBySeedAndEpochOnly() throws {
        let sampler = try BatchSampler(count: 500, batchSize: 64, seed: 1)
        #expect(sampler.order(epoch: 0) == sampler.order(epoch: 0))
        #expect(sampler.order(epoch: 0) != sampler.order(epoch: 1))
        #expect(sampler.order(epoch: 1) != (try BatchSampler(count: 500, batchSize: 64, seed: 2)).order(epoch: 1))
        #expect(sampler.order(epoch: 7).sorted() == Array(0..<500))
        #expect(try BatchSampler(count: 5, batchSize: 2, isShuffled: false).batches(epoch: 4) == [[0, 1], [2, 3], [4]])
    }

    @Test func everyOrderOfFourIsEquallyLikely() throws {
        let sampler = try BatchSampler(count: 4, batchSize: 4, seed: 2)
        var counts: [[Int]: Int] = [:]
        for epoch in 0..<24000 { counts[sampler.order(epoch: epoch), default: 0] += 1 }
        // 24 orders, 1000 each expected, standard deviation 31: six of them is 186.
        #expect(counts.count == 24 && counts.values.allSatisfy { abs($0 - 1000) < 186 })
    }

    @Test func refusals() {
        #expect(errorCode { _ = try BatchSampler(count: 5, batchSize: 0) } == .badOption)
        #expect(errorCode { _ = try BatchSampler(count: 0, batchSize: 1) } == .tooFewImages)
        #expect(errorCode { _ = try BatchSampler(count: 5, batchSize: 6, dropsLast: true) } == .tooFewImages)
    }

    /// Known numbers keep the streams, and with them all published training runs, the same for good.
    @Test func streamsStayTheSame() throws {
        var random = CounterRandom(.order, seed: 0)
        // Computed apart, from the definition (in Python).
        #expect((0..<5).map { _ in random.next() } == [0xda173de718e378a8, 0x69e372075109aa61, 0x804338078226c8b4, 0x3f1c958d1ca7d68d, 0xc4956c9c7848dc41])
        #expect(try BatchSampler(count: 8, batchSize: 8, seed: 42).order(epoch: 5) == [0, 1, 2, 5, 3, 7, 6, 4])
    }
}
