// Letters: C channels, H height, W width. Pixels are planar, row-major: (c, y, x) at [(c * H + y) * W + x].

/// A height and a width in pixels.
public struct ImageSize: Hashable, Sendable, CustomStringConvertible {
    public var height: Int
    public var width: Int

    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    /// `HxW`, for example `32x32`.
    public var description: String { "\(height)x\(width)" }
}

/// An image of 8-bit samples, planar `[C, H, W]`: three channels (sRGB red, green, blue) or one (grey).
public struct ImageU8: Hashable, Sendable {
    /// 1 (grey) or 3 (red, green, blue).
    public let channels: Int
    /// Rows.
    public let height: Int
    /// Columns.
    public let width: Int
    /// `[C, H, W]`, row-major, without gaps.
    public internal(set) var pixels: [UInt8]

    /// Wraps pixels.
    ///
    /// - Parameters:
    ///   - channels: 1 or 3.
    ///   - height: Rows, at least 1.
    ///   - width: Columns, at least 1.
    ///   - pixels: `[C, H, W]`, exactly `channels * height * width` samples.
    /// - Precondition: The shape is as said; this is for pixels the program itself made.
    public init(channels: Int = 3, height: Int, width: Int, pixels: [UInt8]) {
        precondition(channels == 1 || channels == 3, "an image has 1 or 3 channels, not \(channels)")
        precondition(height > 0 && width > 0, "an image of \(height)x\(width) has no pixels")
        precondition(pixels.count == channels * height * width, "\(pixels.count) samples do not fill \(channels)x\(height)x\(width)")
        self.channels = channels
        self.height = height
        self.width = width
        self.pixels = pixels
    }

    /// Height and width.
    public var size: ImageSize { ImageSize(height: height, width: width) }

    /// The sample at channel `c`, row `y`, column `x`.
    public subscript(c: Int, y: Int, x: Int) -> UInt8 { pixels[(c * height + y) * width + x] }

    /// The image with the given number of channels: grey is repeated, colour becomes luma.
    ///
    /// - Parameter count: 1 or 3.
    /// - Returns: `[count, H, W]`. Luma is ITU-R BT.601, `0.299 R + 0.587 G + 0.114 B`, in 16-bit fixed point, rounded.
    /// - Complexity: O(H·W); the image itself when nothing changes.
    public func converted(channels count: Int) -> ImageU8 {
        precondition(count == 1 || count == 3, "an image has 1 or 3 channels, not \(count)")
        if count == channels { return self }
        if channels == 1 { return ImageU8(channels: 3, height: height, width: width, pixels: pixels + pixels + pixels) }
        let plane = height * width
        let grey = [UInt8](unsafeUninitializedCapacity: plane) { out, filled in
            for i in 0..<plane {
                // 19595 + 38470 + 7471 = 65536, so white stays white.
                let luma = 19595 * UInt32(pixels[i]) + 38470 * UInt32(pixels[plane + i]) + 7471 * UInt32(pixels[2 * plane + i])
                out[i] = UInt8(truncatingIfNeeded: (luma + 32768) >> 16)
            }
            filled = plane
        }
        return ImageU8(channels: 1, height: height, width: width, pixels: grey)
    }

    /// Splits interleaved samples into planes.
    ///
    /// - Parameter interleaved: `[H, W, 3]`, row-major.
    static func planar(interleaved: UnsafeBufferPointer<UInt8>, height: Int, width: Int) -> ImageU8 {
        let plane = height * width
        precondition(interleaved.count >= 3 * plane)
        let pixels = [UInt8](unsafeUninitializedCapacity: 3 * plane) { out, filled in
            guard let source = interleaved.baseAddress, let target = out.baseAddress else { return }
            for i in 0..<plane {
                target[i] = source[3 &* i]
                target[plane &+ i] = source[3 &* i &+ 1]
                target[2 &* plane &+ i] = source[3 &* i &+ 2]
            }
            filled = 3 * plane
        }
        return ImageU8(channels: 3, height: height, width: width, pixels: pixels)
    }
}
