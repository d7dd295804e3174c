/// A part of a data set.
public enum Split: String, CaseIterable, Sendable {
    /// What a network is trained on: the training images without those held out.
    case train
    /// Images held out of the training images; never trained on.
    case validation
    /// The test images, for the figure that is reported, once.
    case test
}

/// What to do about an image that does not decode.
public enum BadImagePolicy: String, CaseIterable, Sendable {
    /// Leave it out and list it in ``DataSet/skipped``.
    case skip
    /// Throw the error of the first one.
    case refuse
}

/// How to load a data set.
public struct LoadOptions: Sendable {
    /// The size every image is brought to (shorter side resized, centre cropped); nil: all images have one size already.
    public var imageSize: ImageSize?
    /// Shorter side of the frame that whole images are kept for, beside their centre crops, so that random crops take their parts from all
    /// of an image (``Augmentation``); at least the shorter side of ``imageSize``, which must be given. Of image folders only. Nil: none are kept.
    public var cropSide: Int?
    /// The classes of an existing model, in the order of its outputs: image folders are matched to them by name, and a data
    /// set with other classes is refused. Nil: the data set's own.
    public var classNames: [String]?
    /// What to do about an image that does not decode.
    public var onBadImage: BadImagePolicy
    /// Images held out of training for validation.
    public var validation: Int
    /// Chooses the validation images.
    public var seed: UInt64
    /// Threads to decode with.
    public var threads: Int
    /// The largest image accepted.
    public var limits: ImageLimits

    public init(
        imageSize: ImageSize? = nil, cropSide: Int? = nil, classNames: [String]? = nil, onBadImage: BadImagePolicy = .skip, validation: Int = 0,
        seed: UInt64 = 0, threads: Int = 1, limits: ImageLimits = ImageLimits()
    ) {
        self.imageSize = imageSize
        self.cropSide = cropSide
        self.classNames = classNames
        self.onBadImage = onBadImage
        self.validation = validation
        self.seed = seed
        self.threads = threads
        self.limits = limits
    }
}

/// Where a data set is and how it is stored: `KIND:DIR`.
///
/// ```swift
/// let source = try DataSource(parsing: "images:photos")
/// let data = try source.loadTraining(LoadOptions(validation: 500, threads: 2))
/// ```
public struct DataSource: Hashable, Sendable, CustomStringConvertible {
    /// A layout of files; `docs/data.md` describes each.
    public enum Kind: String, CaseIterable, Sendable {
        /// One folder of JPEG and PNG files per class, in `train` and `test` (or `val`) or directly.
        case images
        /// The official binary version of CIFAR-10.
        case cifar10
        /// The official binary version of CIFAR-100, fine labels.
        case cifar100
        /// The files of MNIST and its relatives (Fashion-MNIST, KMNIST, EMNIST): one grey channel.
        case idx
    }

    /// The layout.
    public let kind: Kind
    /// The folder.
    public let directory: String

    public init(kind: Kind, directory: String) {
        self.kind = kind
        self.directory = directory
    }

    /// Reads `KIND:DIR`.
    ///
    /// - Throws: ``DataError`` with code `badSource`; the message lists the kinds.
    public init(parsing text: String) throws {
        let kinds = Kind.allCases.map(\.rawValue).joined(separator: ", ")
        guard let colon = text.firstIndex(of: ":") else {
            throw DataError(.badSource, "cannot read data from '\(text)': no KIND; write KIND:DIR, where KIND is one of \(kinds)")
        }
        guard let kind = Kind(rawValue: String(text[..<colon])) else {
            throw DataError(.badSource, "cannot read data from '\(text)': unknown kind '\(text[..<colon])'; it is one of \(kinds)")
        }
        let directory = text[text.index(after: colon)...]
        guard !directory.isEmpty else {
            throw DataError(.badSource, "cannot read data from '\(text)': no folder after the colon; write \(kind.rawValue):DIR")
        }
        self.init(kind: kind, directory: String(directory))
    }

    /// `KIND:DIR`.
    public var description: String { "\(kind.rawValue):\(directory)" }

    /// Loads the training images and, when ``LoadOptions/validation`` is not 0, holds that many out of them.
    ///
    /// - Throws: ``DataError``, see ``load(_:_:)``.
    public func loadTraining(_ options: LoadOptions = LoadOptions()) throws -> TrainingData {
        try loadStored(test: false, options).holdingOut(options.validation, seed: options.seed)
    }

    /// Loads one split.
    ///
    /// All images are decoded into memory, C·H·W bytes each (and more with ``LoadOptions/cropSide``), on ``LoadOptions/threads`` threads. The result depends on the
    /// files and the options only, never on the number of threads.
    ///
    /// - Throws: ``DataError`` when the folder or a file is missing or not as its layout says, an image is refused, sizes are
    ///   mixed, or the data set has no such split.
    public func load(_ split: Split, _ options: LoadOptions = LoadOptions()) throws -> DataSet {
        switch split {
        case .train: return try loadTraining(options).train
        case .test: return try loadStored(test: true, options)
        case .validation:
            guard let validation = try loadTraining(options).validation else {
                throw DataError(
                    .noSplit,
                    "cannot load the validation split of '\(self)': 0 images are held out of training; say how many (as in training)")
            }
            return validation
        }
    }

    /// The test images, a part at a time. Those of a folder are decoded when their part comes.
    ///
    /// - Throws: ``DataError``, see ``load(_:_:)``.
    public func streamTest(_ options: LoadOptions = LoadOptions()) throws -> DataStream {
        guard kind == .images else { return DataStream(try load(.test, options), threads: options.threads) }
        try check(options)
        return DataStream(try ImageFolder(directory).files(test: true, name: "\(self) (test)", options), options)
    }

    private func check(_ options: LoadOptions) throws {
        if let size = options.imageSize, !(1...16384).contains(size.height) || !(1...16384).contains(size.width) {
            throw DataError(.badOption, "cannot bring the images of '\(self)' to \(size): each side must be in 1...16384")
        }
        if let side = options.cropSide {
            guard kind == .images else {
                throw DataError(.badOption, "cannot use a crop side of \(side) for '\(self)': only images: holds photographs larger than what is cropped; leave it out, or give 0")
            }
            guard let size = options.imageSize else {
                throw DataError(.badOption, "cannot use a crop side of \(side) for '\(self)': no size is given that images are cropped to; give one")
            }
            let least = min(size.height, size.width)
            guard (least...16384).contains(side) else {
                throw DataError(
                    .badOption, "cannot use a crop side of \(side) for '\(self)': the crops are \(size), so it must be \(least) ... 16384; give such a one, or 0 to crop from the centre crops")
            }
        }
        guard isFolder(directory) else {
            let what = exists(directory) ? "it is not a folder" : "no such folder"
            throw DataError(.unreadable, "cannot read data from '\(directory)': \(what)")
        }
    }

    /// Loads the training or the test images as they are stored.
    private func loadStored(test: Bool, _ options: LoadOptions) throws -> DataSet {
        try check(options)
        let name = "\(self) (\(test ? "test" : "train"))"
        switch kind {
        case .images: return try ImageFolder(directory).load(test: test, name: name, options)
        case .cifar10: return try CIFARFiles.cifar10(directory).load(test: test, name: name).adapted(options)
        case .cifar100: return try CIFARFiles.cifar100(directory).load(test: test, name: name).adapted(options)
        case .idx: return try IDXFiles(directory).load(test: test, name: name).adapted(options)
        }
    }
}

extension DataSet {
    /// Brings a data set that fixes its own classes and size to what the options ask for.
    fileprivate func adapted(_ options: LoadOptions) throws -> DataSet {
        if let wanted = options.classNames, wanted != classNames {
            let difference = zip(wanted, classNames).first { $0 != $1 }.map { "'\($1)' where '\($0)' is wanted" }
            throw DataError(
                .classMismatch,
                "cannot use \(name): it has \(classNames.count) classes"
                    + (difference.map { ", \($0)" } ?? " and \(wanted.count) are wanted") + "; use the data set of the model")
        }
        return try options.imageSize.map { try fitted(to: $0, threads: options.threads) } ?? self
    }
}
