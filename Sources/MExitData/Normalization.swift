/// What is subtracted from, and divided into, each channel before a network sees it: `(x / 255 - mean) / std`.
public struct Normalization: Hashable, Sendable {
    /// `[C]`, in units where white is 1.
    public let mean: [Float]
    /// `[C]`, in units where white is 1, each above 0.
    public let std: [Float]

    /// `(x / 255 - mean) / std = x * scale + offset`.
    let scale: [Float]
    let offset: [Float]

    /// Uses given values.
    ///
    /// - Parameters:
    ///   - mean: `[C]`, in units where white is 1.
    ///   - std: `[C]`, in units where white is 1.
    /// - Throws: ``DataError`` with code `badOption` when the counts differ or are not 1 or 3, a number is not finite, or a
    ///   standard deviation is not above 0.
    public init(mean: [Float], std: [Float]) throws {
        guard mean.count == std.count, mean.count == 1 || mean.count == 3 else {
            throw DataError(.badOption, "cannot normalise with \(mean.count) means and \(std.count) deviations; 1 or 3 of each are needed")
        }
        guard mean.allSatisfy(\.isFinite), std.allSatisfy({ $0.isFinite && $0 >= 1e-6 }) else {
            throw DataError(.badOption, "cannot normalise with means \(mean) and deviations \(std); means are finite, deviations at least 1e-6")
        }
        self.mean = mean
        self.std = std
        scale = std.map { Float(1 / (255 * Double($0))) }
        offset = zip(mean, std).map { Float(-Double($0) / Double($1)) }
    }

    /// Measures the mean and standard deviation of each channel over all pixels of a data set; use the training split.
    ///
    /// Sums are whole numbers, hence exact and the same in any order; the deviation is that of the population. A channel
    /// that never changes gets the deviation 1.
    ///
    /// - Throws: ``DataError`` with code `tooFewImages` when the data set is empty.
    /// - Complexity: O(N·C·H·W), one pass.
    public init(measuring data: DataSet) throws {
        guard data.count > 0 else { throw DataError(.tooFewImages, "cannot measure the normalisation of \(data.name): it has no image") }
        let plane = data.size.height * data.size.width
        var sums = [UInt64](repeating: 0, count: data.channels)
        var squares = sums
        for index in 0..<data.count {
            data.withPixels(of: index) { pixels in
                for c in 0..<data.channels {
                    var (sum, square) = (UInt64(0), UInt64(0))
                    for pixel in pixels[(c * plane)..<((c + 1) * plane)] {
                        let value = UInt32(pixel)
                        sum &+= UInt64(value)
                        square &+= UInt64(value &* value)
                    }
                    sums[c] += sum
                    squares[c] += square
                }
            }
        }
        let pixels = Double(data.count * plane)
        let means = sums.map { Double($0) / pixels }
        let deviations = zip(squares, means).map { square, mean in
            (Double(square) / pixels - mean * mean).squareRoot() / 255
        }
        try self.init(mean: means.map { Float($0 / 255) }, std: deviations.map { $0 > 1e-5 ? Float($0) : 1 })
    }

    /// The number of channels, C.
    public var channels: Int { mean.count }

    /// Normalises one image into a map of floats.
    ///
    /// - Parameters:
    ///   - pixels: `[C, H, W]`, row-major, without gaps.
    ///   - height: H.
    ///   - width: W.
    ///   - destination: Pixel (0, 0, 0) of the map: (c, y, x) is written at `c * channelStride + y * rowStride + x`. Nothing
    ///     else is written, so a halo stays as it is.
    ///   - rowStride: Floats from one row to the next.
    ///   - channelStride: Floats from one plane to the next.
    /// - Precondition: `pixels` has C·H·W samples.
    /// - Complexity: O(C·H·W); no allocation.
    public func apply(
        to pixels: UnsafeBufferPointer<UInt8>, height: Int, width: Int, into destination: UnsafeMutablePointer<Float>,
        rowStride: Int, channelStride: Int
    ) {
        precondition(pixels.count == channels * height * width, "\(pixels.count) samples are not \(channels)x\(height)x\(width)")
        guard let source = pixels.baseAddress else { return }
        for c in 0..<channels {
            let (scale, offset) = (scale[c], offset[c])
            for y in 0..<height {
                let from = source + (c * height + y) * width
                let to = destination + (c * channelStride + y * rowStride)
                for x in 0..<width { to[x] = Float(from[x]) * scale + offset }
            }
        }
    }

    /// Normalises one image, converting it to this normalisation's channels first.
    ///
    /// - Returns: `[C, H, W]`, row-major, without gaps.
    public func apply(to image: ImageU8) -> [Float] {
        let image = image.converted(channels: channels)
        return [Float](unsafeUninitializedCapacity: image.pixels.count) { out, filled in
            if let start = out.baseAddress {
                image.pixels.withUnsafeBufferPointer {
                    apply(
                        to: $0, height: image.height, width: image.width, into: start, rowStride: image.width,
                        channelStride: image.height * image.width)
                }
                filled = image.pixels.count
            }
        }
    }
}
