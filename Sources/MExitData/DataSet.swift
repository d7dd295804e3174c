// Letters: N images, C channels, H height, W width.

/// An image that was left out of a data set because it does not decode.
public struct SkippedImage: Hashable, Sendable {
    /// The file.
    public let path: String
    /// Why it does not decode.
    public let error: DataError
}

/// Labelled images of one size, in memory as 8-bit samples.
///
/// A value is a view: the training and the validation part of a data set share the memory of their pixels. Immutable, so any
/// number of threads may read it.
public struct DataSet: Sendable {
    /// What errors and reports call it, for example `images:photos (train)`.
    public let name: String
    /// The names of the classes; a label is an index into them.
    public let classNames: [String]
    /// 1 (grey) or 3 (red, green, blue).
    public let channels: Int
    /// Height and width of every image.
    public let size: ImageSize
    /// `[N]`, each in `0 ..< classNames.count`.
    public let labels: [Int32]
    /// Images that did not decode and were left out, in the order of their paths.
    public let skipped: [SkippedImage]

    /// `[stored images, C, H, W]`; image i of this view is number `positions[i]`.
    let pixels: [UInt8]
    let positions: [Int]
    /// By stored image; nil: none are kept.
    let wholes: WholeImages?

    /// Makes a data set of images in memory.
    ///
    /// - Parameters:
    ///   - name: What errors and reports call it.
    ///   - classNames: The names of the classes, at least one.
    ///   - channels: 1 or 3.
    ///   - size: Height and width of every image.
    ///   - labels: `[N]`.
    ///   - pixels: `[N, C, H, W]`.
    /// - Throws: ``DataError`` when the shape is out of range, a label names no class, or `pixels` has not N·C·H·W samples.
    public init(name: String, classNames: [String], channels: Int, size: ImageSize, labels: [Int32], pixels: [UInt8]) throws {
        guard !classNames.isEmpty else { throw DataError(.noClasses, "cannot use \(name): it has no classes") }
        guard channels == 1 || channels == 3, (1...16384).contains(size.height), (1...16384).contains(size.width) else {
            throw DataError(
                .badOption, "cannot use \(name): images of \(channels)x\(size); 1 or 3 channels and sides in 1...16384 are needed")
        }
        guard labels.count * channels * size.height * size.width == pixels.count else {
            throw DataError(
                .badFileLength,
                "cannot use \(name): \(pixels.count) samples for \(labels.count) images of \(channels)x\(size)")
        }
        if let bad = labels.firstIndex(where: { $0 < 0 || Int($0) >= classNames.count }) {
            throw DataError(
                .labelOutOfRange,
                "cannot use \(name): image \(bad) has label \(labels[bad]); there are \(classNames.count) classes, counted from 0")
        }
        self.init(
            name: name, classNames: classNames, channels: channels, size: size, labels: labels, skipped: [], pixels: pixels,
            positions: Array(labels.indices))
    }

    init(
        name: String, classNames: [String], channels: Int, size: ImageSize, labels: [Int32], skipped: [SkippedImage],
        pixels: [UInt8], positions: [Int], wholes: WholeImages? = nil
    ) {
        self.name = name
        self.classNames = classNames
        self.channels = channels
        self.size = size
        self.labels = labels
        self.skipped = skipped
        self.pixels = pixels
        self.positions = positions
        self.wholes = wholes
    }

    /// The number of images, N.
    public var count: Int { labels.count }

    /// Bytes of the pixels in memory, whole images too; views made by ``subset(_:name:)`` share them.
    public var storedBytes: Int { pixels.count + (wholes?.bytes ?? 0) }

    /// Samples of one image, C·H·W.
    public var samplesPerImage: Int { channels * size.height * size.width }

    /// The class of image `index`, an index into ``classNames``.
    public func label(of index: Int) -> Int { Int(labels[index]) }

    /// The number of images of each class, `[K]`.
    public var classCounts: [Int] {
        labels.reduce(into: [Int](repeating: 0, count: classNames.count)) { $0[Int($1)] += 1 }
    }

    /// Gives the samples of image `index`, `[C, H, W]`, to `body` without copying. The pointer must not leave `body`.
    public func withPixels<Result>(of index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        let start = positions[index] * samplesPerImage
        return try pixels.withUnsafeBufferPointer {
            try body(UnsafeBufferPointer(rebasing: $0[start..<(start + samplesPerImage)]))
        }
    }

    /// ``LoadOptions/cropSide`` of the whole images that are kept; nil: none are.
    public var cropSide: Int? { wholes?.side }

    /// Images smaller than ``LoadOptions/cropSide`` asks for: windows cut out of them are enlarged.
    public var smallerThanCropSide: Int { wholes.map { wholes in positions.count { wholes.isSmall($0) } } ?? 0 }

    /// How random crops see image `index`; nil where only its centre crop is kept.
    func wholeView(of index: Int) -> WholeImages.View? { wholes?.view(positions[index]) }

    /// As ``withPixels(of:_:)``, of all of the image where that is kept.
    func withWholePixels<Result>(of index: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Result) rethrows -> Result {
        try wholes?.pixels(positions[index])?.withUnsafeBufferPointer(body) ?? withPixels(of: index, body)
    }

    /// A copy of image `index`.
    public func image(_ index: Int) -> ImageU8 {
        ImageU8(channels: channels, height: size.height, width: size.width, pixels: withPixels(of: index) { Array($0) })
    }

    /// The images at `indices`, in that order; the pixels are shared, not copied. ``skipped`` stays.
    ///
    /// - Parameters:
    ///   - indices: Each in `0 ..< count`.
    ///   - name: The name of the view; the same name when nil.
    public func subset(_ indices: [Int], name: String? = nil) -> DataSet {
        DataSet(
            name: name ?? self.name, classNames: classNames, channels: channels, size: size, labels: indices.map { labels[$0] },
            skipped: skipped, pixels: pixels, positions: indices.map { positions[$0] }, wholes: wholes)
    }

    /// Every image resized to cover `size` and cropped to its centre (``ImageU8/fitted(height:width:)``).
    ///
    /// - Throws: ``DataError`` when there is no memory for them.
    func fitted(to newSize: ImageSize, threads: Int) throws -> DataSet {
        if newSize == size { return self }
        let perImage = channels * newSize.height * newSize.width
        let total = try checkMemory(name, images: count, size: newSize, perImage: perImage)
        let fitted = [UInt8](unsafeUninitializedCapacity: total) { out, filled in
            forEachIndex(count: count, threads: threads, state: {}) { _, index in
                let image = image(index).fitted(height: newSize.height, width: newSize.width)
                _ = UnsafeMutableBufferPointer(rebasing: out[(index * perImage)..<((index + 1) * perImage)])
                    .initialize(fromContentsOf: image.pixels)
            }
            filled = total
        }
        return DataSet(
            name: name, classNames: classNames, channels: channels, size: newSize, labels: labels, skipped: skipped,
            pixels: fitted, positions: Array(labels.indices))
    }
}
