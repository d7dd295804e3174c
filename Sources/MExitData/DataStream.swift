/// Labelled images that come a part at a time, so that memory does not grow with their number.
///
/// Image folders are decoded part by part. The other kinds are files of small images that are read whole; they come in parts
/// all the same.
public struct DataStream: Sendable {
    private enum Origin {
        case files(ImageFiles, LoadOptions)
        case memory(DataSet)
    }

    private let origin: Origin
    private let threads: Int

    /// What is known once all images have come.
    public struct Summary: Sendable {
        /// Images that decoded, with their classes and hashes.
        public let identity: DataIdentity
        /// Those that did not, in the order of their paths.
        public let skipped: [SkippedImage]
    }

    init(_ files: ImageFiles, _ options: LoadOptions) {
        origin = .files(files, options)
        threads = options.threads
    }

    /// Images that are in memory already.
    public init(_ data: DataSet, threads: Int = 1) {
        origin = .memory(data)
        self.threads = threads
    }

    /// What errors and reports call it.
    public var name: String {
        switch origin {
        case .files(let files, _): files.name
        case .memory(let data): data.name
        }
    }

    public var classNames: [String] {
        switch origin {
        case .files(let files, _): files.classNames
        case .memory(let data): data.classNames
        }
    }

    /// Images in all, those included of which it is not yet known whether they decode.
    public var count: Int {
        switch origin {
        case .files(let files, _): files.entries.count
        case .memory(let data): data.count
        }
    }

    /// Decodes part after part, in the order that ``DataSource/load(_:_:)`` has, and gives each to `body`.
    ///
    /// - Parameters:
    ///   - bytes: Of pixels that a part may have.
    ///   - least: Images that a part has at least, however large they are; the last may have fewer.
    ///   - body: Gets parts that are not empty.
    /// - Throws: ``DataError`` as ``DataSource/load(_:_:)`` does, and what `body` throws.
    public func forEachPart(bytes: Int = 4 << 20, atLeast least: Int = 1, _ body: (DataSet) throws -> Void) throws -> Summary {
        var identity: DataIdentity?
        var skipped: [SkippedImage] = []
        func take(_ part: DataSet) throws {
            if identity?.append(part, threads: threads) == nil { identity = DataIdentity(part, threads: threads) }
            if part.count > 0 { try body(part) }
        }
        func ranges(_ count: Int, _ perImage: Int) -> [Range<Int>] {
            let most = max(least, bytes / max(perImage, 1), 1)
            return stride(from: 0, to: max(count, 1), by: most).map { $0..<min($0 + most, count) }
        }
        switch origin {
        case .files(let files, let options):
            for range in ranges(files.entries.count, 3 * files.size.height * files.size.width) {
                let part = try files.decode(range, options)
                skipped += part.skipped
                try take(part)
            }
        case .memory(let data):
            skipped = data.skipped
            for range in ranges(data.count, data.samplesPerImage) { try take(data.subset(Array(range))) }
        }
        guard let identity else { throw DataError(.tooFewImages, "cannot use \(name): it has no image") }
        if case .files(let files, _) = origin { try files.checkClasses(labels: identity.labels, skipped: skipped) }
        return Summary(identity: identity, skipped: skipped)
    }
}
