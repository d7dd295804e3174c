/// What went wrong while reading or preparing data.
///
/// Every failure that outside data, files or options can cause is thrown as one of these; nothing in this module traps on
/// them. The message reads `cannot do what to which thing: value seen; rule or remedy`.
public struct DataError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of failure. New kinds may be added: a `switch` over codes needs a `default`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Wrapped: String, Hashable, Sendable {
            case badSource, unreadable, unknownFormat, corruptImage, imageTooLarge, noClasses, emptyClass, badFileLength
            case badHeader, labelOutOfRange, tooFewImages, mixedSizes, noSplit, classMismatch, badOption
        }

        private let wrapped: Wrapped
        private init(_ wrapped: Wrapped) { self.wrapped = wrapped }
        public var description: String { wrapped.rawValue }

        /// A data set description that is not `KIND:DIR`.
        public static let badSource = Code(.badSource)
        /// A file or folder that does not exist, is of the wrong type or cannot be read.
        public static let unreadable = Code(.unreadable)
        /// Bytes that are neither a JPEG nor a PNG.
        public static let unknownFormat = Code(.unknownFormat)
        /// A JPEG or PNG that is damaged or cut off.
        public static let corruptImage = Code(.corruptImage)
        /// An image whose header or file exceeds ``ImageLimits``.
        public static let imageTooLarge = Code(.imageTooLarge)
        /// A folder without class folders, or a list of class names without a name.
        public static let noClasses = Code(.noClasses)
        /// A class without an image.
        public static let emptyClass = Code(.emptyClass)
        /// A binary file whose length does not fit its format.
        public static let badFileLength = Code(.badFileLength)
        /// A binary file whose header does not fit its format.
        public static let badHeader = Code(.badHeader)
        /// A label that names no class.
        public static let labelOutOfRange = Code(.labelOutOfRange)
        /// Fewer images than the validation split asks for.
        public static let tooFewImages = Code(.tooFewImages)
        /// Images of several sizes and no size to bring them to.
        public static let mixedSizes = Code(.mixedSizes)
        /// A split that the data set does not have.
        public static let noSplit = Code(.noSplit)
        /// Classes that differ between the splits, or from those asked for.
        public static let classMismatch = Code(.classMismatch)
        /// An option outside its range.
        public static let badOption = Code(.badOption)
    }

    /// The kind of failure.
    public let code: Code
    /// One line that names the thing, the value seen, and the rule or the remedy.
    public let message: String

    /// Makes an error from its kind and its one-line message.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}
