// EXIF orientation: cameras store the sensor's rows and say in a tag how to turn them. Source: Exif 2.32, section 4.6.4
// (tag 0x0112) inside a TIFF 6.0 header, in a JPEG APP1 segment.

/// How stored rows must be turned to be upright; raw values are those of EXIF tag 0x0112.
enum ExifOrientation: Int {
    case upright = 1, mirrored, rotated180, mirroredVertically, transposed, rotated90, transversed, rotated270

    /// Reads the orientation out of a JPEG; `.upright` when it has none or its EXIF block is damaged.
    ///
    /// A damaged EXIF block is no reason to refuse a photograph, so this never throws; it never reads outside `jpeg`.
    init(jpeg: UnsafeRawBufferPointer) {
        self = Self.block(in: jpeg).flatMap { Self.tag(in: $0) } ?? .upright
    }

    /// The TIFF structure of the first EXIF segment before the pixels.
    private static func block(in jpeg: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var at = 2  // after SOI
        while at + 4 <= jpeg.count, jpeg[at] == 0xFF {
            let marker = jpeg[at + 1]
            if marker == 0xFF { at += 1; continue }  // fill byte
            if marker == 0xDA || marker == 0xD9 { return nil }  // scan or end: no more headers
            let length = Int(jpeg[at + 2]) << 8 | Int(jpeg[at + 3])
            let end = at + 2 + length
            guard length >= 2, end <= jpeg.count else { return nil }
            let payload = UnsafeRawBufferPointer(rebasing: jpeg[(at + 4)..<end])
            if marker == 0xE1, payload.count > 6, payload.starts(with: [0x45, 0x78, 0x69, 0x66, 0, 0]) {  // "Exif\0\0"
                return UnsafeRawBufferPointer(rebasing: payload[6...])
            }
            at = end
        }
        return nil
    }

    /// The orientation in the first directory of a TIFF structure.
    private static func tag(in tiff: UnsafeRawBufferPointer) -> ExifOrientation? {
        guard tiff.count >= 8 else { return nil }
        let little: Bool
        switch (tiff[0], tiff[1]) {
        case (0x49, 0x49): little = true
        case (0x4D, 0x4D): little = false
        default: return nil
        }
        func integer(at offset: Int, bytes: Int) -> Int? {
            guard offset >= 0, offset <= tiff.count - bytes else { return nil }
            return (0..<bytes).reduce(0) { $0 << 8 | Int(tiff[offset + (little ? bytes - 1 - $1 : $1)]) }
        }
        guard integer(at: 2, bytes: 2) == 42, let directory = integer(at: 4, bytes: 4),
            let entries = integer(at: directory, bytes: 2)
        else { return nil }
        for entry in 0..<entries {
            let at = directory + 2 + 12 * entry
            guard let tag = integer(at: at, bytes: 2) else { return nil }
            if tag == 0x0112 {
                guard integer(at: at + 2, bytes: 2) == 3, let value = integer(at: at + 8, bytes: 2) else { return nil }  // SHORT
                return ExifOrientation(rawValue: value)
            }
        }
        return nil
    }
}

extension ImageU8 {
    /// The image turned upright. Orientations 5 to 8 exchange height and width.
    func oriented(_ orientation: ExifOrientation) -> ImageU8 {
        if orientation == .upright { return self }
        let (h, w) = (height, width)
        // Output pixel (y, x) is input pixel base + y * down + x * right of the same plane.
        let (base, down, right): (Int, Int, Int) =
            switch orientation {
            case .upright: (0, w, 1)
            case .mirrored: (w - 1, w, -1)
            case .rotated180: (h * w - 1, -w, -1)
            case .mirroredVertically: ((h - 1) * w, -w, 1)
            case .transposed: (0, 1, w)
            case .rotated90: ((h - 1) * w, 1, -w)
            case .transversed: (h * w - 1, -1, -w)
            case .rotated270: (w - 1, -1, w)
            }
        let turned = orientation.rawValue >= 5
        let (outHeight, outWidth) = turned ? (w, h) : (h, w)
        let result = [UInt8](unsafeUninitializedCapacity: pixels.count) { out, filled in
            pixels.withUnsafeBufferPointer { source in
                var i = 0
                for c in 0..<channels {
                    for y in 0..<outHeight {
                        let row = c * h * w + base + y * down
                        for x in 0..<outWidth {
                            out[i] = source[row + x * right]
                            i += 1
                        }
                    }
                }
            }
            filled = pixels.count
        }
        return ImageU8(channels: channels, height: outHeight, width: outWidth, pixels: result)
    }
}
