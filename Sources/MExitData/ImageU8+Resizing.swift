// Resizing in two passes (rows, then columns) with a triangle filter that widens with the shrink factor: plain bilinear
// when enlarging, an area-weighted average when shrinking, so that fine texture does not alias. Weights are 22-bit fixed
// point and each pass rounds to 8 bits, the arithmetic of BILINEAR in Pillow 12 (and thus of torchvision on PIL images):
// results are the same on every machine.

extension ImageSize {
    /// The size, of this aspect ratio, that just covers `other`.
    func covering(_ other: ImageSize) -> ImageSize {
        var scaled = other
        if other.height * width >= other.width * height {
            scaled.width = max(other.width, other.height * width / height)
        } else {
            scaled.height = max(other.height, other.width * height / width)
        }
        return scaled
    }
}

extension ImageU8 {
    /// The image at another size, its aspect ratio not kept.
    ///
    /// - Parameter size: Rows and columns, each at least 1.
    /// - Returns: `[C, size.height, size.width]`; the image itself when it already has that size.
    /// - Complexity: O(C·(H·W + H·w·⌈W/w⌉)) for an output width w; memory O(C·H·w).
    public func resized(to size: ImageSize) -> ImageU8 {
        resampled(
            vertically: Window(scaled: size.height, kept: 0..<size.height),
            horizontally: Window(scaled: size.width, kept: 0..<size.width))
    }

    /// The image resized, aspect ratio kept, until it just covers the given size, and cropped to its centre.
    ///
    /// The usual evaluation transform (torchvision: `Resize` of the shorter side, then `CenterCrop`). Only the pixels that the
    /// crop keeps are computed, so that a very long image costs no more memory than a square one.
    ///
    /// - Parameters:
    ///   - height: Rows of the result, at least 1.
    ///   - width: Columns of the result, at least 1.
    /// - Returns: `[C, height, width]`.
    public func fitted(height: Int, width: Int) -> ImageU8 {
        let scaled = size.covering(ImageSize(height: height, width: width))
        let top = (scaled.height - height) / 2
        let left = (scaled.width - width) / 2
        return resampled(
            vertically: Window(scaled: scaled.height, kept: top..<(top + height)),
            horizontally: Window(scaled: scaled.width, kept: left..<(left + width)))
    }

    /// One axis of a resize: the length everything is scaled to, and the part of it that is computed.
    private struct Window {
        var scaled: Int
        var kept: Range<Int>
    }

    private func resampled(vertically: Window, horizontally: Window) -> ImageU8 {
        precondition(!vertically.kept.isEmpty && !horizontally.kept.isEmpty, "an image cannot be resized to nothing")
        let (outHeight, outWidth) = (vertically.kept.count, horizontally.kept.count)
        var wide = self
        if horizontally.scaled != width || outWidth != width {
            let filter = ResamplingFilter(input: width, output: horizontally.scaled, kept: horizontally.kept)
            wide = ImageU8(
                channels: channels, height: height, width: outWidth,
                pixels: [UInt8](unsafeUninitializedCapacity: channels * height * outWidth) { out, filled in
                    pixels.withUnsafeBufferPointer { filter.rows(from: $0, count: channels * height, into: out) }
                    filled = channels * height * outWidth
                })
        }
        if vertically.scaled == height && outHeight == height { return wide }
        let filter = ResamplingFilter(input: height, output: vertically.scaled, kept: vertically.kept)
        return ImageU8(
            channels: channels, height: outHeight, width: outWidth,
            pixels: [UInt8](unsafeUninitializedCapacity: channels * outHeight * outWidth) { out, filled in
                wide.pixels.withUnsafeBufferPointer { filter.columns(from: $0, planes: channels, width: outWidth, into: out) }
                filled = channels * outHeight * outWidth
            })
    }
}

/// The weights of one axis: output position i is the sum of `weights[i * taps + t] * input[starts[i] + t]` over t < `counts[i]`.
private struct ResamplingFilter {
    static let precisionBits: Int32 = 22  // 8 bits of sample and 2 of headroom leave 22 of 32

    let input: Int
    let taps: Int
    private(set) var starts: [Int] = []
    private(set) var counts: [Int] = []
    private(set) var weights: [Int32] = []

    init(input: Int, output: Int, kept: Range<Int>) {
        let triangle = TriangleFilter(input: input, output: output)
        self.input = input
        taps = triangle.taps
        weights = [Int32](repeating: 0, count: kept.count * taps)
        for (place, position) in kept.enumerated() {
            let (start, count) = triangle.span(position)
            starts.append(start)
            counts.append(count)
            triangle.weights(position) { weights[place * taps + $0] = Int32($1 * Double(1 << Self.precisionBits) + 0.5) }
        }
    }

    @inline(__always)
    private static func sample(_ sum: Int32) -> UInt8 { UInt8(truncatingIfNeeded: max(0, min(255, sum >> precisionBits))) }

    /// Filters `count` rows of `input` samples each.
    func rows(from source: UnsafeBufferPointer<UInt8>, count rows: Int, into out: UnsafeMutableBufferPointer<UInt8>) {
        weights.withUnsafeBufferPointer { weights in
            for row in 0..<rows {
                for (i, start) in starts.enumerated() {
                    var sum: Int32 = 1 << (Self.precisionBits - 1)
                    let from = row * input + start
                    for t in 0..<counts[i] { sum &+= weights[i &* taps &+ t] &* Int32(source[from &+ t]) }
                    out[row * starts.count + i] = Self.sample(sum)
                }
            }
        }
    }

    /// Filters the columns of `planes` planes of `input` rows each.
    func columns(
        from source: UnsafeBufferPointer<UInt8>, planes: Int, width: Int, into out: UnsafeMutableBufferPointer<UInt8>
    ) {
        var sums = [Int32](repeating: 0, count: width)
        for plane in 0..<planes {
            for (i, start) in starts.enumerated() {
                for x in 0..<width { sums[x] = 1 << (Self.precisionBits - 1) }
                for t in 0..<counts[i] {
                    let weight = weights[i * taps + t]
                    let from = (plane * input + start + t) * width
                    for x in 0..<width { sums[x] &+= weight &* Int32(source[from &+ x]) }
                }
                let to = (plane * starts.count + i) * width
                for x in 0..<width { out[to + x] = Self.sample(sums[x]) }
            }
        }
    }
}
