import CTurboJPEG
import Testing

@testable import MExitData

/// JPEG files made by libjpeg-turbo.
enum JPEGFixture {
    enum Colour { case rgb, grey, cmyk }

    /// Encodes interleaved samples (3, 1 or 4 a pixel) at quality 100 without chroma subsampling.
    static func encode(_ samples: [UInt8], height: Int, width: Int, _ colour: Colour = .rgb, progressive: Bool = false) throws -> [UInt8] {
        let (format, subsampling, perPixel) =
            switch colour {
            case .rgb: (TJPF_RGB, TJSAMP_444, 3)
            case .grey: (TJPF_GRAY, TJSAMP_GRAY, 1)
            case .cmyk: (TJPF_CMYK, TJSAMP_444, 4)
            }
        try #require(samples.count == perPixel * height * width)
        let handle = try #require(tjInitCompress())
        defer { tjDestroy(handle) }
        var out: UnsafeMutablePointer<UInt8>?
        var size: UInt = 0
        defer { tjFree(out) }
        let status = tjCompress2(
            handle, samples, Int32(width), 0, Int32(height), Int32(format.rawValue), &out, &size, Int32(subsampling.rawValue), 100,
            Int32(progressive ? TJFLAG_PROGRESSIVE : 0))
        try #require(status == 0)
        return Array(UnsafeBufferPointer(start: out, count: Int(size)))
    }

    /// A JPEG of a planar image.
    static func encode(_ image: ImageU8) throws -> [UInt8] {
        try encode(interleaved(image), height: image.height, width: image.width)
    }

    static func interleaved(_ image: ImageU8) -> [UInt8] {
        let plane = image.height * image.width
        return (0..<plane).flatMap { i in (0..<image.channels).map { image.pixels[$0 * plane + i] } }
    }

    /// Inserts an EXIF segment with an orientation after SOI.
    static func withOrientation(_ value: UInt16, littleEndian: Bool, _ jpeg: [UInt8]) -> [UInt8] {
        func number(_ value: Int, _ bytes: Int) -> [UInt8] {
            let big = (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * (bytes - 1 - $0))) }
            return littleEndian ? big.reversed() : big
        }
        var tiff: [UInt8] = littleEndian ? [0x49, 0x49] : [0x4D, 0x4D]
        tiff += number(42, 2) + number(8, 4) + number(2, 2)
        tiff += number(0x010F, 2) + number(2, 2) + number(2, 4) + [0x41, 0, 0, 0]  // Make: "A"
        tiff += number(0x0112, 2) + number(3, 2) + number(1, 4) + number(Int(value), 2) + [0, 0]
        tiff += number(0, 4)
        let payload: [UInt8] = Array("Exif".utf8) + [0, 0] + tiff
        let length = payload.count + 2
        return Array(jpeg[..<2]) + [0xFF, 0xE1, UInt8(length >> 8), UInt8(length & 255)] + payload + Array(jpeg[2...])
    }
}

/// An image whose neighbouring pixels differ little, as JPEG likes it, yet no two rows or columns are alike.
func smoothImage(height: Int, width: Int, base: Int = 30) -> ImageU8 {
    var pixels: [UInt8] = []
    for c in 0..<3 {
        for y in 0..<height {
            for x in 0..<width { pixels.append(UInt8((base + 40 * c + 5 * y + (c == 1 ? 1 : 3) * x) % 256)) }
        }
    }
    return ImageU8(height: height, width: width, pixels: pixels)
}

/// Whether all samples of two images lie within `tolerance` of each other.
func areClose(_ a: ImageU8, _ b: ImageU8, within tolerance: Int) -> Bool {
    a.size == b.size && a.channels == b.channels && zip(a.pixels, b.pixels).allSatisfy { abs(Int($0) - Int($1)) <= tolerance }
}
