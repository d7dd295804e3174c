import Testing

@testable import MExitData

/// Random crops of whole images: what the centre crop at the input's size does not hold.
@Suite struct WholeImagesTests {
    private let folder: TemporaryFolder
    private let input = ImageSize(height: 12, width: 10)
    /// Wide, high, a little larger than the frame, smaller than the input, exactly the input, and long.
    private let sizes = [(40, 60), (90, 30), (16, 14), (5, 6), (12, 10), (24, 200)]

    init() throws {
        folder = try TemporaryFolder()
        for (index, size) in sizes.enumerated() {
            try folder.write(noise(size.0, size.1, UInt64(index)).encodedPNG(), to: "train/a/\(index).png")
        }
    }

    private func noise(_ height: Int, _ width: Int, _ seed: UInt64) -> ImageU8 {
        var random = CounterRandom(.load, seed: seed)
        return ImageU8(height: height, width: width, pixels: (0..<3 * height * width).map { _ in UInt8(random.next(below: 256)) })
    }

    private func load(_ cropSide: Int?, _ folder: TemporaryFolder? = nil) throws -> DataSet {
        try DataSource(kind: .images, directory: (folder ?? self.folder).path).load(
            .train, LoadOptions(imageSize: input, cropSide: cropSide, threads: 2))
    }

    /// What is written for an image: levels of 0 ... 255, not mirrored.
    private func levels(_ loader: SampleLoader, _ index: Int, _ epoch: Int) -> [Float] {
        var out = [Float](repeating: .nan, count: 3 * input.height * input.width)
        out.withUnsafeMutableBufferPointer {
            loader.fill(sample: index, epoch: epoch, into: $0.baseAddress!, rowStride: input.width, channelStride: input.height * input.width)
        }
        return out.map { $0 * 255 }
    }

    private func loader(_ data: DataSet, _ augmentation: Augmentation) throws -> SampleLoader {
        try SampleLoader(data: data, normalization: Normalization(mean: [0, 0, 0], std: [1, 1, 1]), augmentation: augmentation, seed: 4)
    }

    private func cut(_ image: ImageU8, _ part: Augmentation.Part) -> ImageU8 {
        var pixels: [UInt8] = []
        for c in 0..<3 {
            for y in 0..<part.height { for x in 0..<part.width { pixels.append(image[c, part.top + y, part.left + x]) } }
        }
        return ImageU8(height: part.height, width: part.width, pixels: pixels)
    }

    /// What an image is kept as: covering a frame of 20 x 24, the long one 24 rows high, the small ones as they are.
    private func kept(_ index: Int) -> ImageU8 {
        let image = noise(sizes[index].0, sizes[index].1, UInt64(index))
        let wanted: [(Int, Int)] = [(24, 36), (60, 20), (16, 14), (5, 6), (12, 10), (24, 200)]
        return image.resized(to: ImageSize(height: wanted[index].0, width: wanted[index].1))
    }

    /// Cut out of the whole image by hand, then resized as Pillow does, which rounds to whole numbers twice.
    @Test func partsAreThoseOfTheWholeImage() throws {
        let data = try load(20)
        let augmentation = Augmentation(horizontalFlip: false, smallestPart: 0.08)
        let loader = try loader(data, augmentation)
        for index in sizes.indices {
            let whole = kept(index)
            let view = try #require(data.wholeView(of: index))
            #expect(view.size == whole.size, "image \(index)")
            var (left, top, right, bottom) = (Int.max, Int.max, 0, 0)
            for epoch in 0..<60 {
                let part = try #require(augmentation.draw(size: input, whole: view, seed: 4, epoch: epoch, index: index).part)
                (left, top) = (min(left, part.left), min(top, part.top))
                (right, bottom) = (max(right, part.left + part.width), max(bottom, part.top + part.height))
                let ratio = Double(part.width * input.height) / Double(part.height * input.width)
                #expect(whole.height < 10 || (0.55...1.8).contains(ratio), "\(part)")
                let expected = cut(whole, part).resized(to: input)
                #expect(zip(levels(loader, index, epoch), expected.pixels).allSatisfy { abs($0 - Float($1)) < 1.02 })
            }
            #expect(left <= whole.width / 6 && right >= whole.width * 5 / 6, "image \(index) is seen from left to right")
            #expect(top <= whole.height / 6 && bottom >= whole.height * 5 / 6, "image \(index) is seen from top to bottom")
        }
    }

    @Test func windowsAreCutOutAsTheyAre() throws {
        let data = try load(20)
        let augmentation = Augmentation(cropPadding: 2, horizontalFlip: false)
        let loader = try loader(data, augmentation)
        // Of images as large as the frame the input's size; of smaller ones what looks as large.
        let windows = [(12, 10), (12, 10), (8, 7), (3, 2), (6, 5), (12, 10)]
        for index in sizes.indices {
            var places = Set<Augmentation.Part>()
            for epoch in 0..<60 {
                let part = try #require(augmentation.draw(size: input, whole: data.wholeView(of: index), seed: 4, epoch: epoch, index: index).part)
                #expect((part.height, part.width) == windows[index])
                places.insert(part)
                let expected = cut(kept(index), part).resized(to: input)
                let limit: Float = windows[index] == (12, 10) ? 1e-3 : 1.02
                #expect(zip(levels(loader, index, epoch), expected.pixels).allSatisfy { abs($0 - Float($1)) < limit })
            }
            #expect(places.count > 8)
        }
    }

    /// Also of large JPEG files, which are decoded at a part of their size.
    @Test(arguments: [12, 20, 60]) func centreCropsStayWhatTheyAre(side: Int) throws {
        let photos = try TemporaryFolder()
        for (index, size) in [(100, 110), (50, 300), (47, 48), (30, 20), (200, 200)].enumerated() {
            try photos.write(JPEGFixture.encode(smoothImage(height: size.0, width: size.1)), to: "train/a/\(index).jpg")
        }
        let (plain, kept) = (try load(nil, photos), try load(side, photos))
        #expect(plain.fingerprint() == kept.fingerprint() && plain.labels == kept.labels)
        #expect(plain.cropSide == nil && kept.cropSide == side && kept.storedBytes > plain.storedBytes)
        let held = try kept.holdingOut(2, seed: 1)
        #expect(held.train.wholeView(of: 0) != nil && held.train.storedBytes == kept.storedBytes)
        // Without augmentation the centre crop is what the network sees.
        let out = levels(try loader(kept, .none), 3, 0)
        #expect(zip(out, plain.image(3).pixels).allSatisfy { abs($0 - Float($1)) < 1e-3 })
    }

    @Test func imagesOfTheInputsSizeAreCroppedAsBefore() throws {
        let small = try TemporaryFolder()
        for index in 0..<3 { try small.write(noise(12, 10, UInt64(index)).encodedPNG(), to: "train/a/\(index).png") }
        let (plain, kept) = (try load(nil, small), try load(14, small))
        #expect(kept.storedBytes == plain.storedBytes, "nothing lies outside")
        let augmentation = Augmentation(cutout: 3, smallestPart: 0.08)
        let (one, other) = (try loader(plain, augmentation), try loader(kept, augmentation))
        for epoch in 0..<20 { #expect(levels(one, 1, epoch) == levels(other, 1, epoch)) }
    }

    @Test func damagedImagesAreLeftOut() throws {
        try folder.write([0xFF, 0xD8, 0xFF, 1, 2], to: "train/a/3b.jpg")
        let data = try load(20)
        #expect(data.skipped.count == 1 && data.count == 6)
        #expect(data.wholeView(of: 4)?.size == ImageSize(height: 12, width: 10) && data.wholeView(of: 5)?.size == kept(5).size)
    }

    @Test func refusals() throws {
        for (side, words) in [(9, "it must be 10 ... 16384"), (16385, "it must be 10 ... 16384")] {
            let error = #expect(throws: DataError.self) { try load(side) }
            #expect(error?.code == .badOption && error?.message.contains(words) == true, "\(String(describing: error))")
        }
        for source in [DataSource(kind: .cifar10, directory: folder.path), DataSource(kind: .images, directory: folder.path)] {
            let error = #expect(throws: DataError.self) { try source.load(.train, LoadOptions(imageSize: source.kind == .images ? nil : input, cropSide: 20)) }
            #expect(error?.message.contains("cannot use a crop side of 20") == true)
        }
    }

    /// Nothing is left out for want of memory, whatever is to be done about images that do not decode.
    @Test(arguments: BadImagePolicy.allCases) func tooLittleMemoryIsAnError(policy: BadImagePolicy) throws {
        let options = LoadOptions(imageSize: input, cropSide: 20, onBadImage: policy, threads: 2)
        let files = try ImageFolder(folder.path).files(test: false, name: "photos", options)
        let centres = 6 * 360
        // What is kept of the six: all but the fifth, which is the input's size.
        let wholes = 3 * (24 * 36 + 60 * 20 + 16 * 14 + 5 * 6 + 24 * 200)
        #expect(try files.decode(0..<6, options, available: centres + wholes).storedBytes == centres + wholes)
        for available in [centres, centres + 100, centres + wholes - 1] {
            let error = #expect(throws: DataError.self) { try files.decode(0..<6, options, available: available) }
            #expect(error?.code == .badOption && error?.message.contains("6 whole images to crop from, of a shorter side of 20, take more") == true)
        }
    }
}
