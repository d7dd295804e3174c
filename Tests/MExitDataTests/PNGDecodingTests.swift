import CPNG
import Testing
import _MExitTestSupport

@testable import MExitData

@Suite struct PNGDecodingTests {
    typealias F = PNGFixture

    @Test func colour() throws {
        let png = F.encode(rows: [[1, 2, 3, 4, 5, 6], [250, 251, 252, 0, 128, 255]], width: 2, .rgb)
        #expect(try ImageDecoder.decode(bytes: png).pixels == [1, 4, 250, 0, 2, 5, 251, 128, 3, 6, 252, 255])
    }

    static let greys: [(UInt8, [UInt8], [UInt8])] = [
        (1, [0b0100_0000], [0, 255]), (2, [0b0110_0000], [85, 170]), (4, [0x3A], [51, 170]), (8, [9, 200], [9, 200]),
    ]

    @Test(arguments: greys)
    func greyOfEveryDepth(depth: UInt8, row: [UInt8], expected: [UInt8]) throws {
        let image = try ImageDecoder.decode(bytes: F.encode(rows: [row], width: 2, .grey, depth: depth))
        #expect(image.pixels == expected + expected + expected)
    }

    @Test func sixteenBitsKeepTheirBrightness() throws {
        let grey = try ImageDecoder.decode(bytes: F.encode(rows: [[0x40, 0x40, 0xFF, 0xFF]], width: 2, .grey, depth: 16))
        #expect(grey.pixels == [64, 255, 64, 255, 64, 255])
        let colour = try ImageDecoder.decode(bytes: F.encode(rows: [[0x20, 0x20, 0x80, 0x80, 0xF0, 0xF0]], width: 1, .rgb, depth: 16))
        #expect(colour.pixels == [32, 128, 240])
    }

    @Test func paletteWithTransparency() throws {
        let palette = F.chunk("PLTE", [10, 20, 30, 200, 100, 50])
        let plain = F.encode(rows: [[0b0101_0000]], width: 4, .palette, depth: 1, extra: [palette])
        #expect(try ImageDecoder.decode(bytes: plain).pixels == [10, 200, 10, 200, 20, 100, 20, 100, 30, 50, 30, 50])
        let clear = F.encode(rows: [[0b0101_0000]], width: 4, .palette, depth: 1, extra: [palette, F.chunk("tRNS", [0])])
        #expect(try ImageDecoder.decode(bytes: clear).pixels == [255, 200, 255, 200, 255, 100, 255, 100, 255, 50, 255, 50])
    }

    @Test func transparencyIsCompositedOnWhite() throws {
        let rgba = F.encode(rows: [[10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 128]], width: 3, .rgba)
        let image = try ImageDecoder.decode(bytes: rgba)
        for (c, value) in [UInt8(10), 20, 30].enumerated() {
            #expect(image[c, 0, 0] == value && image[c, 0, 1] == 255)
            #expect(image[c, 0, 2] > value && image[c, 0, 2] < 255)
        }
        let greyAlpha = F.encode(rows: [[70, 255, 70, 0]], width: 2, .greyAlpha)
        #expect(try ImageDecoder.decode(bytes: greyAlpha).pixels == [70, 255, 70, 255, 70, 255])
    }

    @Test func whatLibpngWrites() throws {
        let source = smoothImage(height: 13, width: 29)
        let decoded = try ImageDecoder.decode(bytes: libpngEncoded(source))
        #expect(decoded == source)
    }

    @Test func headerBombs() throws {
        let bomb = F.signature + F.header(width: 100_000, height: 100_000, .rgb) + F.chunk("IDAT", [0x78, 0x01]) + F.chunk("IEND", [])
        let error = thrownError { _ = try ImageDecoder.decode(bytes: bomb, name: "'bomb.png'") }
        #expect(error?.code == .imageTooLarge)
        #expect(error?.message.contains("'bomb.png'") == true && error?.message.contains("100000 x 100000") == true)
        // Beyond libpng's own limit, and beyond 31 bits.
        for side in [2_000_000, 0x7FFF_FFFF, 0xFFFF_FFFF, 0] {
            let bytes = F.signature + F.header(width: side, height: side, .rgb) + F.chunk("IEND", [])
            #expect(errorCode { _ = try ImageDecoder.decode(bytes: bytes) } == .corruptImage)
        }
        // A header that promises more rows than there are.
        let short = F.encode(rows: [[1, 2, 3]], width: 1, .rgb, height: 50)
        #expect(errorCode { _ = try ImageDecoder.decode(bytes: short) } == .corruptImage)
    }

    @Test func everyTruncationIsAnError() throws {
        let bytes = try libpngEncoded(smoothImage(height: 9, width: 11))
        let decoder = ImageDecoder()
        // The last 12 bytes (IEND) hold no pixels; what counts is that nothing shorter passes.
        for length in 8..<(bytes.count - 12) {
            let error = thrownError { _ = try decoder.decode(Array(bytes[..<length]), name: "'a.png'") }
            #expect(error?.code == .corruptImage, "\(length) of \(bytes.count) bytes")
            #expect(error?.message.contains("'a.png'") == true)
        }
    }

    @Test func damageNeverTraps() throws {
        let bytes = try libpngEncoded(smoothImage(height: 9, width: 11))
        let decoder = ImageDecoder()
        for at in bytes.indices {
            for value: UInt8 in [0, 0x80, 0xFF] where bytes[at] != value {
                var damaged = bytes
                damaged[at] = value
                _ = try? decoder.decode(damaged)
            }
        }
        // A flipped bit inside the pixels breaks the checksum of the chunk.
        let data = try #require(bytes.indices.dropLast(4).first { Array(bytes[$0..<($0 + 4)]) == Array("IDAT".utf8) })
        var damaged = bytes
        damaged[data + 20] ^= 1
        #expect(errorCode { _ = try decoder.decode(damaged) } == .corruptImage)
    }

    /// A compressed RGB PNG, with libpng's row filters.
    private func libpngEncoded(_ source: ImageU8) throws -> [UInt8] {
        let image = UnsafeMutablePointer<png_image>.allocate(capacity: 1)
        image.initialize(to: png_image())
        defer {
            png_image_free(image)
            image.deallocate()
        }
        image.pointee.version = png_uint_32(PNG_IMAGE_VERSION)
        image.pointee.width = png_uint_32(source.width)
        image.pointee.height = png_uint_32(source.height)
        image.pointee.format = png_uint_32(PNG_FORMAT_FLAG_COLOR)
        var size = 1 << 20
        var bytes = [UInt8](repeating: 0, count: size)
        try #require(png_image_write_to_memory(image, &bytes, &size, 0, JPEGFixture.interleaved(source), 0, nil) != 0)
        return Array(bytes[..<size])
    }
}
