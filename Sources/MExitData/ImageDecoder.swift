/// The largest image a decoder accepts, checked against the header before memory for pixels is taken.
public struct ImageLimits: Hashable, Sendable {
    /// Columns.
    public var maximumWidth: Int
    /// Rows.
    public var maximumHeight: Int
    /// Rows times columns; decoding takes up to 7 bytes a pixel while it runs.
    public var maximumPixels: Int
    /// Bytes of the compressed file.
    public var maximumBytes: Int

    /// The defaults admit any photograph of up to 64 megapixels: they bound memory, not taste.
    public init(
        maximumWidth: Int = 16384, maximumHeight: Int = 16384, maximumPixels: Int = 1 << 26, maximumBytes: Int = 1 << 28
    ) {
        self.maximumWidth = maximumWidth
        self.maximumHeight = maximumHeight
        self.maximumPixels = maximumPixels
        self.maximumBytes = maximumBytes
    }

    /// Refuses a size that a header claims.
    func check(width: Int, height: Int, of name: String) throws {
        let (pixels, overflow) = width.multipliedReportingOverflow(by: height)
        guard width <= maximumWidth, height <= maximumHeight, !overflow, pixels <= maximumPixels else {
            throw DataError(
                .imageTooLarge,
                "cannot decode \(name): its header says \(width) x \(height) pixels; "
                    + "at most \(maximumWidth) x \(maximumHeight) and \(maximumPixels) in all are accepted")
        }
    }
}

/// Decodes JPEG and PNG to RGB; the format is told by the first bytes, never by a name.
///
/// - JPEG (libjpeg-turbo): grey and colour; CMYK and YCCK by Adobe's convention (inverted inks, `R = C·K/255`), without a
///   colour profile. The EXIF orientation is applied. A warning of the decoder (a cut-off file, a corrupt segment) is an error:
///   libjpeg would otherwise fill what is missing with grey.
/// - PNG (libpng): every colour type and depth; grey is repeated, 16-bit samples are reduced to 8, a `gAMA` chunk is applied,
///   and transparent pixels are composited on white. EXIF in PNG is ignored.
///
/// One decoder serves one thread at a time and reuses its tables between images: give each thread its own.
public final class ImageDecoder {
    /// The largest image accepted.
    public let limits: ImageLimits
    private let jpeg = JPEGDecompressor()

    /// Makes a decoder.
    public init(limits: ImageLimits = ImageLimits()) { self.limits = limits }

    /// Decodes one image.
    ///
    /// - Parameters:
    ///   - bytes: A whole JPEG or PNG file.
    ///   - name: What errors call the image, for example its path.
    ///   - side: When the image will be shrunk to cover a square of this side, a large JPEG may come at half, a quarter or an
    ///     eighth of its size, at least twice the side: much faster, and nearly the same after resizing. Nil: full size.
    /// - Returns: `[3, H, W]`, upright.
    /// - Throws: ``DataError`` with code `unknownFormat`, `corruptImage` or `imageTooLarge`.
    public func decode(_ bytes: [UInt8], name: String = "the image", covering side: Int? = nil) throws -> ImageU8 {
        guard bytes.count <= limits.maximumBytes else {
            throw DataError(
                .imageTooLarge, "cannot decode \(name): it has \(bytes.count) bytes; at most \(limits.maximumBytes) are accepted")
        }
        return try bytes.withUnsafeBytes { buffer in
            switch ImageFormat(buffer) {
            case .jpeg: try jpeg.decode(buffer, limits: limits, name: name, covering: side)
            case .png: try decodePNG(buffer, limits: limits, name: name)
            case .other(let what):
                throw DataError(.unknownFormat, "cannot decode \(name): \(what); only JPEG and PNG are read, convert it first")
            }
        }
    }

    /// Whether these are a JPEG file's first bytes.
    func isJPEG(_ bytes: [UInt8]) -> Bool {
        if case .jpeg = bytes.withUnsafeBytes(ImageFormat.init) { true } else { false }
    }

    /// Decodes one image with a decoder made for it; see ``decode(_:name:covering:)``.
    public static func decode(
        bytes: [UInt8], limits: ImageLimits = ImageLimits(), name: String = "the image", covering side: Int? = nil
    ) throws -> ImageU8 {
        try ImageDecoder(limits: limits).decode(bytes, name: name, covering: side)
    }
}

/// A file format, told by its first bytes.
private enum ImageFormat {
    case jpeg, png
    case other(String)

    init(_ bytes: UnsafeRawBufferPointer) {
        func holds(_ text: String, at offset: Int) -> Bool {
            bytes.count >= offset + text.utf8.count && bytes[offset...].starts(with: text.utf8)
        }
        if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
            self = .jpeg
        } else if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            self = .png
        } else if bytes.isEmpty {
            self = .other("it is empty")
        } else if holds("GIF8", at: 0) {
            self = .other("it is a GIF")
        } else if holds("RIFF", at: 0), holds("WEBP", at: 8) {
            self = .other("it is a WebP")
        } else if holds("ftyp", at: 4) {
            self = .other("it is an HEIC, AVIF or MP4")
        } else if holds("BM", at: 0) {
            self = .other("it is a BMP")
        } else {
            let digits = bytes.prefix(8).map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
            self = .other("it begins with the bytes \(digits.joined(separator: " "))")
        }
    }
}
