import Synchronization

/// One folder of images per class: `DIR/train/<class>/...` and `DIR/test/<class>/...` (or `DIR/val`), or `DIR/<class>/...`.
struct ImageFolder {
    /// An image file and its class.
    private struct Entry {
        let path: String
        let label: Int
    }

    private let directory: String

    init(_ directory: String) { self.directory = directory }

    func load(test: Bool, name: String, _ options: LoadOptions) throws -> DataSet {
        let folder = try self.folder(test: test)
        let own = try classFolders(in: folder)
        // Labels mean the same in every split: those of the wanted classes, else of the training folders.
        let classNames = try options.classNames ?? (test && hasTrain ? classFolders(in: "\(directory)/train") : own)
        var labels: [String: Int] = [:]
        for (label, className) in classNames.enumerated() { labels[className] = label }

        var entries: [Entry] = []
        for className in own {
            guard let label = labels[className] else {
                throw DataError(
                    .classMismatch,
                    "cannot use \(name): '\(folder)/\(className)' is not one of the \(classNames.count) known classes "
                        + "(\(classNames.prefix(5).joined(separator: ", "))\(classNames.count > 5 ? ", ..." : "")); rename or remove it")
            }
            let images = try imageFiles(in: "\(folder)/\(className)", above: [directory, folder].compactMap(FolderIdentity.init))
            guard !images.isEmpty else {
                throw DataError(
                    .emptyClass,
                    "cannot use \(name): class folder '\(folder)/\(className)' has no .jpg, .jpeg or .png file; add images or remove it")
            }
            entries += images.map { Entry(path: $0, label: label) }
        }
        return try decode(entries, name: name, classNames: classNames, options)
    }

    // MARK: Finding files

    private var hasTrain: Bool { isFolder("\(directory)/train") }

    private func folder(test: Bool) throws -> String {
        let tests = ["test", "val"].map { "\(directory)/\($0)" }.filter { isFolder($0) }
        if test {
            if let folder = tests.first { return folder }
            throw DataError(.noSplit, "cannot load the test split of 'images:\(directory)': it has no folder 'test' or 'val'")
        }
        if hasTrain { return "\(directory)/train" }
        guard tests.isEmpty else {
            throw DataError(.noSplit, "cannot load the training split of 'images:\(directory)': it has no folder 'train'")
        }
        return directory
    }

    private func classFolders(in folder: String) throws -> [String] {
        let names = try listFolder(folder).filter(\.isFolder).map(\.name)
        guard !names.isEmpty else {
            throw DataError(.noClasses, "cannot use '\(folder)' as training images: no folder in it; make one folder per class")
        }
        return names
    }

    /// The image files of a class, folders within it included, in a fixed order.
    ///
    /// A link to one of the folders above is left alone: following it would never end, or count images twice.
    private func imageFiles(in folder: String, above: [FolderIdentity]) throws -> [String] {
        let own = [FolderIdentity(folder)].compactMap { $0 }
        if own.contains(where: above.contains) { return [] }
        var files: [String] = []
        for entry in try listFolder(folder) {
            let path = "\(folder)/\(entry.name)"
            if entry.isFolder {
                files += try imageFiles(in: path, above: above + own)
            } else if let dot = entry.name.lastIndex(of: "."),
                ["jpg", "jpeg", "png"].contains(entry.name[entry.name.index(after: dot)...].lowercased())
            {
                files.append(path)
            }
        }
        return files
    }

    // MARK: Decoding

    private func decode(_ entries: [Entry], name: String, classNames: [String], _ options: LoadOptions) throws -> DataSet {
        let size = try options.imageSize ?? sizeOfFirst(entries, name: name, options)
        let perImage = 3 * size.height * size.width
        let (total, overflow) = entries.count.multipliedReportingOverflow(by: perImage)
        guard !overflow, total <= 1 << 40 else {
            throw DataError(.badOption, "cannot load \(name): \(entries.count) images of \(size) do not fit in memory; ask for a smaller size")
        }
        let failures = Mutex<[Int: DataError]>([:])
        let pixels = [UInt8](unsafeUninitializedCapacity: total) { out, filled in
            forEachIndex(
                count: entries.count, threads: options.threads, state: { ImageDecoder(limits: options.limits) }
            ) { decoder, index in
                let place = UnsafeMutableBufferPointer(rebasing: out[(index * perImage)..<((index + 1) * perImage)])
                do throws(DataError) {
                    let image = try Self.read(entries[index].path, decoder, to: options.imageSize)
                    guard image.size == size else {
                        throw DataError(
                            .mixedSizes,
                            "cannot use \(name): '\(entries[index].path)' has \(image.size) pixels and others have \(size); "
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
        return try assemble(entries, pixels, failures.withLock { $0 }, name: name, classNames: classNames, size: size, options)
    }

    private func assemble(
        _ entries: [Entry], _ pixels: [UInt8], _ failures: [Int: DataError], name: String, classNames: [String], size: ImageSize,
        _ options: LoadOptions
    ) throws -> DataSet {
        let failed = failures.keys.sorted()
        for index in failed {
            if let error = failures[index], error.code == .mixedSizes || options.onBadImage == .refuse { throw error }
        }
        let kept = entries.indices.filter { failures[$0] == nil }
        let found = Set(kept.map { entries[$0].label })
        if let lost = failed.first(where: { !found.contains(entries[$0].label) }), let error = failures[lost] {
            throw DataError(
                .emptyClass,
                "cannot use \(name): no image of class '\(classNames[entries[lost].label])' decodes; the first: \(error.message)")
        }
        return DataSet(
            name: name, classNames: classNames, channels: 3, size: size, labels: kept.map { Int32(entries[$0].label) },
            skipped: failed.compactMap { index in failures[index].map { SkippedImage(path: entries[index].path, error: $0) } },
            pixels: pixels, positions: kept)
    }

    /// The size of the first image that decodes.
    private func sizeOfFirst(_ entries: [Entry], name: String, _ options: LoadOptions) throws -> ImageSize {
        let decoder = ImageDecoder(limits: options.limits)
        var first: DataError?
        for entry in entries {
            do { return try Self.read(entry.path, decoder, to: nil).size } catch { first = first ?? error }
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
