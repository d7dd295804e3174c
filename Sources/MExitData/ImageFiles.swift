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
    /// - Throws: ``DataError``.
    func decode(_ part: Range<Int>, _ options: LoadOptions) throws -> DataSet {
        let perImage = 3 * size.height * size.width
        let total = try checkMemory(name, images: part.count, size: size, perImage: perImage)
        let failures = Mutex<[Int: DataError]>([:])
        let pixels = [UInt8](unsafeUninitializedCapacity: total) { out, filled in
            forEachIndex(
                count: part.count, threads: options.threads, state: { ImageDecoder(limits: options.limits) }
            ) { decoder, index in
                let place = UnsafeMutableBufferPointer(rebasing: out[(index * perImage)..<((index + 1) * perImage)])
                let path = entries[part.lowerBound + index].path
                do throws(DataError) {
                    let image = try Self.read(path, decoder, to: options.imageSize)
                    guard image.size == size else {
                        throw DataError(
                            .mixedSizes,
                            "cannot use \(name): '\(path)' has \(image.size) pixels and others have \(size); "
                                + "give an image size to bring them all to")
                    }
                    _ = place.initialize(fromContentsOf: image.pixels)
                } catch {
                    place.initialize(repeating: 0)
                    failures.withLock { $0[index] = error }
                }
            }
            filled = total
        }
        return try assemble(part, pixels, failures.withLock { $0 }, options)
    }

    private func assemble(_ part: Range<Int>, _ pixels: [UInt8], _ failures: [Int: DataError], _ options: LoadOptions) throws -> DataSet {
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
            pixels: pixels, positions: kept)
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
            do { return try read(entry.path, decoder, to: nil).size } catch { first = first ?? error }
        }
        throw DataError(
            .emptyClass, "cannot use \(name): none of its \(entries.count) images decodes\(first.map { "; the first: \($0)" } ?? "")")
    }

    private static func read(_ path: String, _ decoder: ImageDecoder, to size: ImageSize?) throws(DataError) -> ImageU8 {
        do {
            let image = try decoder.decode(
                readFile(path, maximumBytes: decoder.limits.maximumBytes), name: "'\(path)'", covering: size.map { max($0.height, $0.width) })
            return size.map { image.fitted(height: $0.height, width: $0.width) } ?? image
        } catch let error as DataError {
            throw error
        } catch {
            throw DataError(.unreadable, "cannot read '\(path)': \(error)")
        }
    }
}
