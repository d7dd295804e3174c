import MExitParallel
import Synchronization

/// Image files with their classes, to be decoded all at once or a part at a time.
struct ImageFiles {
    /// An image file and its class.
    struct Entry {
        let path: String
        let label: Int
    }

    let name: String
    let classNames: [String]
    let entries: [Entry]
    /// Of every image once it is decoded.
    let size: ImageSize

    /// - Throws: ``DataError`` when the options give no size and no image decodes, which would tell it.
    init(name: String, classNames: [String], entries: [Entry], _ options: LoadOptions) throws {
        self.name = name
        self.classNames = classNames
        self.entries = entries
        size = try options.imageSize ?? Self.sizeOfFirst(entries, name: name, options)
    }

    /// Decodes the images at `part`. Those that do not decode are left out or refused, as the options say.
    ///
    /// - Parameter available: bytes of memory that can be had.
    /// - Throws: ``DataError``.
    func decode(_ part: Range<Int>, _ options: LoadOptions, available: Int = SystemMemory.available) throws -> DataSet {
        let perImage = 3 * size.height * size.width
        let total = try checkMemory(name, images: part.count, size: size, perImage: perImage, available: available)
        let failures = Mutex<[Int: DataError]>([:])
        let wholes = UnsafeMutableBufferPointer<ImageU8?>.allocate(capacity: options.cropSide == nil ? 0 : part.count)
        wholes.initialize(repeating: nil)
        defer { wholes.deinitialize().deallocate() }
        let room = MemoryRoom(bytes: available - total)
        let pixels = [UInt8](unsafeUninitializedCapacity: total) { out, filled in
            forEachIndex(
                count: part.count, threads: options.threads, state: { ImageDecoder(limits: options.limits) }
            ) { decoder, index in
                let place = UnsafeMutableBufferPointer(rebasing: out[(index * perImage)..<((index + 1) * perImage)])
                if room.isOver { return place.initialize(repeating: 0) }
                let path = entries[part.lowerBound + index].path
                do throws(DataError) {
                    let (image, whole) = try Self.read(path, decoder, to: options.imageSize, cropSide: options.cropSide)
                    guard image.size == size else {
                        throw DataError(
                            .mixedSizes,
                            "cannot use \(name): '\(path)' has \(image.size) pixels and others have \(size); "
                                + "give an image size to bring them all to")
                    }
                    if let whole, room.take(whole.pixels.count) { wholes[index] = whole }
                    _ = place.initialize(fromContentsOf: image.pixels)
                } catch {
                    place.initialize(repeating: 0)
                    failures.withLock { $0[index] = error }
                }
            }
            filled = total
        }
        guard !room.isOver else {
            throw DataError(
                .badOption,
                "cannot load \(name): \(part.count) whole images to crop from, of a shorter side of \(options.cropSide ?? 0), take more than the \((available - total) >> 20) MiB of memory that can be had; use a smaller crop side (--crop-side), or 0 to crop from the centre crops")
        }
        let kept = options.cropSide.map { WholeImages(Array(wholes), size: size, side: $0) }
        return try assemble(part, pixels, kept, failures.withLock { $0 }, options)
    }

    private func assemble(
        _ part: Range<Int>, _ pixels: [UInt8], _ wholes: WholeImages?, _ failures: [Int: DataError], _ options: LoadOptions
    ) throws -> DataSet {
        let failed = failures.keys.sorted()
        for index in failed {
            if let error = failures[index], error.code == .mixedSizes || options.onBadImage == .refuse { throw error }
        }
        let kept = (0..<part.count).filter { failures[$0] == nil }
        return DataSet(
            name: name, classNames: classNames, channels: 3, size: size,
            labels: kept.map { Int32(entries[part.lowerBound + $0].label) },
            skipped: failed.compactMap { index in
                failures[index].map { SkippedImage(path: entries[part.lowerBound + index].path, error: $0) }
            },
            pixels: pixels, positions: kept, wholes: wholes)
    }

    /// - Parameters:
    ///   - labels: Of all images that decoded.
    ///   - skipped: All that did not.
    /// - Throws: ``DataError`` when no image of a class decoded.
    func checkClasses(labels: [Int32], skipped: [SkippedImage]) throws {
        if skipped.isEmpty { return }
        let found = Set(labels)
        let classes = Dictionary(entries.map { ($0.path, $0.label) }) { first, _ in first }
        for image in skipped {
            guard let label = classes[image.path], !found.contains(Int32(label)) else { continue }
            throw DataError(
                .emptyClass, "cannot use \(name): no image of class '\(classNames[label])' decodes; the first: \(image.error.message)")
        }
    }

    /// The size of the first image that decodes.
    private static func sizeOfFirst(_ entries: [Entry], name: String, _ options: LoadOptions) throws -> ImageSize {
        let decoder = ImageDecoder(limits: options.limits)
        var first: DataError?
        for entry in entries {
            do { return try read(entry.path, decoder, to: nil, cropSide: nil).0.size } catch { first = first ?? error }
        }
        throw DataError(
            .emptyClass, "cannot use \(name): none of its \(entries.count) images decodes\(first.map { "; the first: \($0)" } ?? "")")
    }

    /// The image brought to the size, and all of it where random crops are to see more than that.
    private static func read(
        _ path: String, _ decoder: ImageDecoder, to size: ImageSize?, cropSide: Int?
    ) throws(DataError) -> (ImageU8, ImageU8?) {
        do {
            let bytes = try readFile(path, maximumBytes: decoder.limits.maximumBytes)
            let name = "'\(path)'"
            func decode(covering size: ImageSize?) throws -> ImageU8 {
                try decoder.decode(bytes, name: name, covering: size.map { max($0.height, $0.width) })
            }
            guard let size else { return (try decode(covering: nil), nil) }
            guard let cropSide else { return (try decode(covering: size).fitted(height: size.height, width: size.width), nil) }
            let frame = WholeImages.frame(size, side: cropSide)
            let large = try decode(covering: frame)
            // The centre crop must be what it is without whole images: for it a large JPEG may come at half of this size or less.
            let isLarger = decoder.isJPEG(bytes) && min(large.height, large.width) >= 4 * max(size.height, size.width)
            let fitted = (isLarger ? try decode(covering: size) : large).fitted(height: size.height, width: size.width)
            let whole = WholeImages.shrunk(large, covering: frame)
            return (fitted, whole.size == size ? nil : whole)
        } catch let error as DataError {
            throw error
        } catch {
            throw DataError(.unreadable, "cannot read '\(path)': \(error)")
        }
    }
}
