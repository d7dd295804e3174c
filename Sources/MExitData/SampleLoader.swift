/// Writes the images of a data set, augmented and normalised, into a network's input maps.
///
/// Immutable: any number of threads may call ``fill(sample:epoch:into:rowStride:channelStride:)`` at once. What is written
/// depends on (data, normalisation, augmentation, seed, epoch, index) only, never on the order of calls.
public struct SampleLoader: Sendable {
    /// The images.
    public let data: DataSet
    /// Applied to every image.
    public let normalization: Normalization
    /// Applied to every image before normalisation.
    public let augmentation: Augmentation
    /// Chooses the augmentations.
    public let seed: UInt64

    /// Makes a loader.
    ///
    /// - Parameters:
    ///   - data: The images.
    ///   - normalization: With as many channels as the images.
    ///   - augmentation: ``Augmentation/none`` for evaluation.
    ///   - seed: Chooses the augmentations.
    /// - Throws: ``DataError`` with code `badOption` when the channels differ.
    public init(data: DataSet, normalization: Normalization, augmentation: Augmentation = .none, seed: UInt64 = 0) throws {
        guard normalization.channels == data.channels else {
            throw DataError(
                .badOption,
                "cannot normalise \(data.name): its images have \(data.channels) channels, the normalisation \(normalization.channels)")
        }
        self.data = data
        self.normalization = normalization
        self.augmentation = augmentation
        self.seed = seed
    }

    /// Writes image `index` as it looks in epoch `epoch`.
    ///
    /// - Parameters:
    ///   - index: In `0 ..< data.count`.
    ///   - epoch: Counts from 0.
    ///   - destination: Pixel (0, 0, 0) of the map: (c, y, x) is written at `c * channelStride + y * rowStride + x`. All
    ///     C·H·W pixels and nothing else are written.
    ///   - rowStride: Floats from one row to the next.
    ///   - channelStride: Floats from one plane to the next.
    /// - Complexity: O(C·H·W), and of the part's pixels where one is taken; no allocation but of a few rows, for a part.
    public func fill(
        sample index: Int, epoch: Int = 0, into destination: UnsafeMutablePointer<Float>, rowStride: Int, channelStride: Int
    ) {
        let (height, width) = (data.size.height, data.size.width)
        let whole = data.wholeView(of: index)
        let draw = augmentation.draw(size: data.size, whole: whole, seed: seed, epoch: epoch, index: index)
        if let part = draw.part {
            data.withWholePixels(of: index) { pixels in
                write(
                    part, of: pixels, size: whole?.size ?? data.size, to: destination, rowStride: rowStride, channelStride: channelStride,
                    isMirrored: draw.isMirrored)
            }
            hide(draw, in: destination, rowStride: rowStride, channelStride: channelStride)
            return
        }
        data.withPixels(of: index) { pixels in
            if draw == Augmentation.Draw() {
                normalization.apply(
                    to: pixels, height: height, width: width, into: destination, rowStride: rowStride, channelStride: channelStride)
                return
            }
            guard let source = pixels.baseAddress else { return }
            for c in 0..<data.channels {
                let (scale, black) = (normalization.scale[c], normalization.offset[c])
                for y in 0..<height {
                    let row = destination + (c * channelStride + y * rowStride)
                    let from = y + draw.down
                    if from < 0 || from >= height {
                        row.update(repeating: black, count: width)
                    } else {
                        Self.write(
                            source + (c * height + from) * width, to: row, width: width, right: draw.right,
                            isMirrored: draw.isMirrored, scale: scale, black: black)
                    }
                }
            }
            hide(draw, in: destination, rowStride: rowStride, channelStride: channelStride)
        }
    }

    private func hide(_ draw: Augmentation.Draw, in destination: UnsafeMutablePointer<Float>, rowStride: Int, channelStride: Int) {
        for c in 0..<data.channels {
            for y in draw.hiddenRows {
                for x in draw.hiddenColumns { destination[c * channelStride + y * rowStride + x] = 0 }
            }
        }
    }

    /// One row of a crop: columns `right ..< right + width` of `source`, black outside it, mirrored last.
    @inline(__always)
    private static func write(
        _ source: UnsafePointer<UInt8>, to row: UnsafeMutablePointer<Float>, width: Int, right: Int, isMirrored: Bool,
        scale: Float, black: Float
    ) {
        let inside = max(0, -right)..<max(0, -right, min(width, width - right))  // columns of the crop that lie in the image
        if inside.count < width { row.update(repeating: black, count: width) }
        if isMirrored {
            for x in inside { row[width &- 1 &- x] = Float(source[x &+ right]) * scale + black }
        } else {
            for x in inside { row[x] = Float(source[x &+ right]) * scale + black }
        }
    }
}
