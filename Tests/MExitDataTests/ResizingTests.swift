import Testing

@testable import MExitData

@Suite struct ResizingTests {
    /// A rough image, one channel, given by a formula.
    static func rough(_ height: Int, _ width: Int) -> ImageU8 {
        let pixels = (0..<(height * width)).map { i in
            let (y, x) = (i / width, i % width)
            return UInt8((7 * y * y + 13 * x * x + 31 * x * y + 5 * x) % 256)
        }
        return ImageU8(channels: 1, height: height, width: width, pixels: pixels)
    }

    /// Sizes before and after, and what Pillow 12 gives: `Image.fromarray(rough).resize((w, h), Image.BILINEAR)`.
    static let pillow: [(Int, Int, Int, Int, [UInt8])] = [
        (7, 9, 3, 4, [51, 147, 134, 136, 121, 144, 116, 124, 163, 124, 121, 137]),
        (
            5, 4, 8, 9,
            [
                0, 3, 11, 20, 40, 60, 89, 120, 132, 3, 8, 22, 38, 64, 89, 124, 162, 176, 8, 17, 40, 63, 98, 132, 170, 209, 223, 21, 33,
                65, 97, 140, 183, 167, 144, 134, 39, 54, 94, 131, 147, 162, 151, 136, 130, 61, 79, 128, 164, 118, 71, 121, 186, 210, 91,
                112, 169, 213, 168, 123, 132, 148, 154, 112, 136, 199, 249, 210, 171, 142, 114, 104,
            ]
        ),
        (
            12, 5, 5, 12,
            [
                10, 16, 36, 55, 82, 110, 133, 151, 167, 172, 177, 178, 74, 86, 124, 163, 149, 130, 125, 135, 144,
                150, 156, 158, 177, 174, 163, 151, 135, 118, 106, 99, 97, 138, 179, 191, 140, 139, 137, 134, 146,
                160, 146, 106, 72, 102, 132, 141, 122, 118, 104, 90, 94, 99, 116, 143, 166, 148, 130, 125,
            ]
        ),
        (3, 3, 3, 5, [0, 7, 18, 44, 62, 7, 27, 56, 101, 131, 28, 60, 108, 172, 214]),
    ]

    @Test(arguments: pillow) func equalsPillow(height: Int, width: Int, newHeight: Int, newWidth: Int, expected: [UInt8]) {
        let resized = Self.rough(height, width).resized(to: ImageSize(height: newHeight, width: newWidth))
        #expect(resized.pixels == expected)
    }

    /// The same followed by a crop, as torchvision's `Resize(4)` and `CenterCrop(4)` on PIL images.
    @Test func fittedEqualsResizeThenCrop() {
        #expect(
            Self.rough(11, 7).fitted(height: 4, width: 4).pixels
                == [80, 145, 165, 126, 149, 122, 112, 72, 168, 119, 176, 130, 138, 132, 130, 160])
        #expect(
            Self.rough(5, 14).fitted(height: 4, width: 4).pixels
                == [174, 123, 189, 119, 153, 103, 140, 113, 180, 130, 109, 125, 94, 74, 97, 152])
    }

    @Test func flatImagesStayFlat() {
        let flat = ImageU8(height: 37, width: 53, pixels: Array(repeating: 201, count: 3 * 37 * 53))
        for (height, width) in [(1, 1), (5, 7), (36, 54), (80, 3)] {
            #expect(flat.resized(to: ImageSize(height: height, width: width)).pixels.allSatisfy { $0 == 201 })
            let fitted = flat.fitted(height: height, width: width)
            #expect(fitted.size == ImageSize(height: height, width: width) && fitted.pixels.allSatisfy { $0 == 201 })
        }
    }

    @Test func shrinkingAveragesInsteadOfSkipping() {
        // One-pixel stripes: picking pixels would give black or white, averaging gives grey everywhere.
        let stripes = ImageU8(channels: 1, height: 64, width: 64, pixels: (0..<4096).map { $0 % 2 == 0 ? 0 : 255 })
        let small = stripes.resized(to: ImageSize(height: 8, width: 8))
        #expect(small.pixels.allSatisfy { (120...136).contains($0) })
    }

    @Test func sameSizeIsTheSameImage() {
        let image = smoothImage(height: 6, width: 9)
        #expect(image.resized(to: image.size) == image)
        #expect(image.fitted(height: 6, width: 9) == image)
        // A pure crop moves no sample.
        #expect(image.fitted(height: 6, width: 5).pixels[0] == image[0, 0, 2])
    }

    @Test func channelsAreIndependent() {
        let image = smoothImage(height: 10, width: 12)
        let small = image.resized(to: ImageSize(height: 4, width: 5))
        for c in 0..<3 {
            let plane = ImageU8(channels: 1, height: 10, width: 12, pixels: Array(image.pixels[(c * 120)..<((c + 1) * 120)]))
            #expect(Array(small.pixels[(c * 20)..<((c + 1) * 20)]) == plane.resized(to: ImageSize(height: 4, width: 5)).pixels)
        }
    }

    @Test func longImagesCostNoMemory() {
        // Scaling all of it to cover 64 x 64 would take a billion pixels.
        let line = ImageU8(channels: 1, height: 1, width: 16000, pixels: (0..<16000).map { UInt8($0 / 63) })
        let fitted = line.fitted(height: 64, width: 64)
        #expect(fitted.size == ImageSize(height: 64, width: 64))
        #expect(fitted.pixels.allSatisfy { $0 == 126 || $0 == 127 })
    }
}
