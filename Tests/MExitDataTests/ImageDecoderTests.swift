import Foundation
import Testing

@testable import MExitData

/// The code of the error that `body` throws.
func errorCode(_ body: () throws -> Void) -> DataError.Code? { thrownError(body)?.code }

/// The error that `body` throws.
func thrownError(_ body: () throws -> Void) -> DataError? {
    do {
        try body()
        return nil
    } catch { return error as? DataError }
}

@Suite struct JPEGDecodingTests {
    /// Quality 100 without subsampling leaves rounding: one step in YCbCr is at most 2 in RGB, and the DCT adds another.
    static let rounding = 4

    @Test(arguments: [(1, 1), (8, 8), (5, 13), (17, 3), (32, 32)])
    func colour(height: Int, width: Int) throws {
        let image = smoothImage(height: height, width: width)
        let decoded = try ImageDecoder.decode(bytes: JPEGFixture.encode(image))
        #expect(areClose(decoded, image, within: Self.rounding))
    }

    @Test func progressive() throws {
        let image = smoothImage(height: 20, width: 24)
        let bytes = try JPEGFixture.encode(JPEGFixture.interleaved(image), height: 20, width: 24, progressive: true)
        #expect(areClose(try ImageDecoder.decode(bytes: bytes), image, within: Self.rounding))
    }

    /// 24 x 16, every row grey 10 * y, luma sampled three times as wide as chroma: libjpeg-turbo calls such a header unknown,
    /// yet decodes the file. Written with `comp_info[0].h_samp_factor = 3` at quality 95.
    static let threeToOne = """
        /9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAIBAQEBAQIBAQECAgICAgQDAgICAgUEBAMEBgUGBgYFBgYGBwkIBgcJBwYGCAsICQoKCgoKBggLDAsKDAkKCg\
        r/2wBDAQICAgICAgUDAwUKBwYHCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgoKCgr/wAARCAAQABgDATEAAhEBAxEB\
        /8QAHwAAAQUBAQEBAQEAAAAAAAAAAAECAwQFBgcICQoL/8QAtRAAAgEDAwIEAwUFBAQAAAF9AQIDAAQRBRIhMUEGE1FhByJxFDKBkaEII0KxwRVS0fAkM2\
        JyggkKFhcYGRolJicoKSo0NTY3ODk6Q0RFRkdISUpTVFVWV1hZWmNkZWZnaGlqc3R1dnd4eXqDhIWGh4iJipKTlJWWl5iZmqKjpKWmp6ipqrKztLW2t7i5\
        usLDxMXGx8jJytLT1NXW19jZ2uHi4+Tl5ufo6erx8vP09fb3+Pn6/8QAHwEAAwEBAQEBAQEBAQAAAAAAAAECAwQFBgcICQoL/8QAtREAAgECBAQDBAcFBA\
        QAAQJ3AAECAxEEBSExBhJBUQdhcRMiMoEIFEKRobHBCSMzUvAVYnLRChYkNOEl8RcYGRomJygpKjU2Nzg5OkNERUZHSElKU1RVVldYWVpjZGVmZ2hpanN0\
        dXZ3eHl6goOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3uLm6wsPExcbHyMnK0tPU1dbX2Nna4uPk5ebn6Onq8vP09fb3+Pn6/9oADAMBAAIRAx\
        EAPwD8i/8Ahkn/AKhn/jlH/DJP/UM/8co/4ZJ/6hn/AI5QB+oH/DJP/UM/8co/4ZJ/6hn/AI5R/wAMk/8AUM/8coA//9k=
        """

    @Test func uncommonSubsampling() throws {
        let bytes = try #require(Data(base64Encoded: Self.threeToOne))
        let decoded = try ImageDecoder.decode(bytes: Array(bytes))
        let plane = (0..<(16 * 24)).map { UInt8(10 * ($0 / 24)) }
        #expect(areClose(decoded, ImageU8(height: 16, width: 24, pixels: plane + plane + plane), within: 6))
    }

    @Test func greyIsRepeated() throws {
        let grey = (0..<48).map { UInt8(5 * $0) }
        let decoded = try ImageDecoder.decode(bytes: JPEGFixture.encode(grey, height: 6, width: 8, .grey))
        #expect(areClose(decoded, ImageU8(height: 6, width: 8, pixels: grey + grey + grey), within: 2))
        #expect(Array(decoded.pixels[0..<48]) == Array(decoded.pixels[96..<144]))
    }

    @Test func inksBecomeRGB() throws {
        // Adobe's inverted inks: 255 is no ink. Half black over full light is grey 128; no cyan light leaves no red.
        let decoded = try ImageDecoder.decode(
            bytes: JPEGFixture.encode((0..<64).flatMap { _ in [255, 0, 128, 128] as [UInt8] }, height: 8, width: 8, .cmyk))
        #expect(abs(Int(decoded[0, 3, 3]) - 128) <= 2)
        #expect(decoded[1, 3, 3] <= 2)
        #expect(abs(Int(decoded[2, 3, 3]) - 64) <= 2)
    }

    /// Large photographs come at a fraction of their size when they are to be shrunk, and look the same after it.
    @Test func largeImagesAreDecodedSmall() throws {
        let image = smoothImage(height: 240, width: 400, base: 10)
        // Waves long enough for an eighth of the size to show them.
        var pixels = image.pixels
        for c in 0..<3 {
            for y in 0..<240 {
                for x in 0..<400 { pixels[(c * 240 + y) * 400 + x] = UInt8(128 + (c + 1) * 20 * (abs((x + 2 * y) % 160 - 80) - 40) / 40) }
            }
        }
        let wave = ImageU8(height: 240, width: 400, pixels: pixels)
        let jpeg = try JPEGFixture.encode(wave)
        for (side, height, width) in [(120, 240, 400), (119, 240, 400), (60, 120, 200), (30, 60, 100), (15, 30, 50), (1, 30, 50), (500, 240, 400)] {
            let small = try ImageDecoder.decode(bytes: jpeg, covering: side)
            #expect(small.size == ImageSize(height: height, width: width), "side \(side)")
            let target = ImageSize(height: min(side, 240), width: min(side, 240))
            #expect(areClose(small.fitted(height: target.height, width: target.width), wave.fitted(height: target.height, width: target.width), within: 12), "side \(side)")
        }
        // Turned photographs too, and odd sizes; small ones and other formats come whole.
        let turned = JPEGFixture.withOrientation(6, littleEndian: true, try JPEGFixture.encode(smoothImage(height: 101, width: 67)))
        #expect(try ImageDecoder.decode(bytes: turned, covering: 10).size == ImageSize(height: 34, width: 51))
        #expect(try ImageDecoder.decode(bytes: JPEGFixture.encode(smoothImage(height: 32, width: 32)), covering: 32).size == ImageSize(height: 32, width: 32))
    }

    @Test func oneDecoderServesManySizes() throws {
        let decoder = ImageDecoder()
        for (height, width) in [(30, 20), (4, 4), (50, 1), (9, 33)] {
            let image = smoothImage(height: height, width: width, base: height)
            #expect(areClose(try decoder.decode(JPEGFixture.encode(image)), image, within: Self.rounding))
        }
    }

    @Test func everyTruncationIsAnError() throws {
        let bytes = try JPEGFixture.encode(smoothImage(height: 16, width: 16))
        let decoder = ImageDecoder()
        // Without the last two bytes (EOI) all pixels are there, yet libjpeg warns and we refuse.
        for length in 3..<bytes.count {
            let error = thrownError { _ = try decoder.decode(Array(bytes[..<length]), name: "'cat.jpg'") }
            #expect(error?.code == .corruptImage, "\(length) of \(bytes.count) bytes")
            #expect(error?.message.contains("'cat.jpg'") == true)
        }
        _ = try decoder.decode(bytes)  // the decoder recovers
    }

    @Test func damageNeverTraps() throws {
        let bytes = try JPEGFixture.withOrientation(6, littleEndian: false, JPEGFixture.encode(smoothImage(height: 16, width: 16)))
        let decoder = ImageDecoder(limits: ImageLimits(maximumPixels: 1 << 20))
        var failures = 0
        for at in bytes.indices {
            for value: UInt8 in [0, 0x7F, 0xFF] {
                var damaged = bytes
                damaged[at] = value
                do { _ = try decoder.decode(damaged) } catch { failures += 1 }
            }
        }
        #expect(failures > bytes.count / 10)
    }

    @Test func sizeIsCheckedFromTheHeader() throws {
        var bytes = try JPEGFixture.encode(smoothImage(height: 16, width: 16))
        let frame = try #require(bytes.indices.dropLast().first { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xC0 })
        bytes.replaceSubrange((frame + 5)..<(frame + 9), with: [0xFF, 0xDC, 0xFF, 0xDC])  // 65500 x 65500
        let error = thrownError { _ = try ImageDecoder.decode(bytes: bytes, name: "'bomb.jpg'") }
        #expect(error?.code == .imageTooLarge)
        #expect(error?.message.contains("65500 x 65500") == true)
    }

    @Test func limitsAreInclusive() throws {
        let bytes = try JPEGFixture.encode(smoothImage(height: 10, width: 20))
        _ = try ImageDecoder.decode(bytes: bytes, limits: ImageLimits(maximumWidth: 20, maximumHeight: 10, maximumPixels: 200))
        for limits in [
            ImageLimits(maximumWidth: 19), ImageLimits(maximumHeight: 9), ImageLimits(maximumPixels: 199),
            ImageLimits(maximumBytes: bytes.count - 1),
        ] {
            #expect(errorCode { _ = try ImageDecoder.decode(bytes: bytes, limits: limits) } == .imageTooLarge)
        }
    }
}

@Suite struct FormatTests {
    @Test(arguments: [
        ("", "empty"), ("GIF89a....", "GIF"), ("RIFF....WEBPVP8 ", "WebP"), ("....ftypheic", "HEIC"), ("BM......", "BMP"),
        ("hello", "68 65 6c 6c 6f"),
    ])
    func otherFormatsAreNamed(text: String, word: String) {
        let error = thrownError { _ = try ImageDecoder.decode(bytes: Array(text.utf8), name: "'x.jpg'") }
        #expect(error?.code == .unknownFormat)
        #expect(error?.message.contains(word) == true && error?.message.contains("'x.jpg'") == true)
    }

    @Test func lumaKeepsGreysAndWeighsColours() {
        let image = ImageU8(height: 1, width: 5, pixels: [255, 0, 0, 255, 77, 0, 255, 0, 255, 77, 0, 0, 255, 255, 77])
        #expect(image.converted(channels: 1).pixels == [76, 150, 29, 255, 77])
        #expect(image.converted(channels: 1).converted(channels: 3).pixels == [76, 150, 29, 255, 77, 76, 150, 29, 255, 77, 76, 150, 29, 255, 77])
        #expect(image.converted(channels: 3) == image)
    }
}

@Suite struct OrientationTests {
    /// Where each orientation puts the letter F: rows as stored, and upright, by the pictures of the EXIF specification.
    static let upright = ["##", "# ", "##", "# "]
    static let stored: [UInt16: [String]] = [
        1: ["##", "# ", "##", "# "], 2: ["##", " #", "##", " #"], 3: [" #", "##", " #", "##"], 4: ["# ", "##", "# ", "##"],
        5: ["####", "# # "], 6: ["# # ", "####"], 7: [" # #", "####"], 8: ["####", " # #"],
    ]

    static func image(_ rows: [String], scale: Int = 1) -> ImageU8 {
        let bits = rows.map { $0.map { $0 == "#" ? UInt8(250) : 5 } }
        let (height, width) = (bits.count * scale, bits[0].count * scale)
        let plane = (0..<(height * width)).map { bits[$0 / width / scale][$0 % width / scale] }
        return ImageU8(height: height, width: width, pixels: plane + plane + plane)
    }

    @Test(arguments: 1...8) func turnsUpright(value: UInt16) throws {
        let rows = try #require(Self.stored[value])
        let orientation = try #require(ExifOrientation(rawValue: Int(value)))
        #expect(Self.image(rows).oriented(orientation) == Self.image(Self.upright))
        for littleEndian in [true, false] {
            let jpeg = try JPEGFixture.encode(Self.image(rows, scale: 8))
            let decoded = try ImageDecoder.decode(bytes: JPEGFixture.withOrientation(value, littleEndian: littleEndian, jpeg))
            #expect(areClose(decoded, Self.image(Self.upright, scale: 8), within: 4))
        }
    }

    @Test func channelsAreTurnedAlike() {
        let image = smoothImage(height: 2, width: 3)
        let turned = image.oriented(.rotated90)
        for c in 0..<3 {
            for y in 0..<3 {
                for x in 0..<2 { #expect(turned[c, y, x] == image[c, 1 - x, y]) }
            }
        }
    }

    @Test func unknownOrCutExifIsUpright() throws {
        let jpeg = try JPEGFixture.encode(Self.image(Self.upright, scale: 8))
        let tagged = JPEGFixture.withOrientation(6, littleEndian: true, jpeg)
        for length in 0..<tagged.count {
            tagged[..<length].withUnsafeBytes { _ = ExifOrientation(jpeg: $0) }  // never reads outside
        }
        for value: UInt16 in [0, 9, 65535] {
            JPEGFixture.withOrientation(value, littleEndian: false, jpeg).withUnsafeBytes {
                #expect(ExifOrientation(jpeg: $0) == .upright)
            }
        }
        jpeg.withUnsafeBytes { #expect(ExifOrientation(jpeg: $0) == .upright) }
    }
}
