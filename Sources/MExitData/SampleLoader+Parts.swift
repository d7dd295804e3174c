extension SampleLoader {
    /// Writes a part of an image, brought to the input's size as ``ImageU8/resized(to:)`` would the part alone, but not rounded to bytes,
    /// and normalised.
    ///
    /// - Parameters:
    ///   - source: `[C, size.height, size.width]`.
    ///   - destination: As of ``fill(sample:epoch:into:rowStride:channelStride:)``.
    func write(
        _ part: Augmentation.Part, of source: UnsafeBufferPointer<UInt8>, size: ImageSize, to destination: UnsafeMutablePointer<Float>,
        rowStride: Int, channelStride: Int, isMirrored: Bool
    ) {
        let (height, width) = (data.size.height, data.size.width)
        let (rows, columns) = (TriangleFilter(input: part.height, output: height), TriangleFilter(input: part.width, output: width))
        withUnsafeTemporaryAllocation(of: Float.self, capacity: part.width + rows.taps + width * columns.taps) { scratch in
            guard let row = scratch.baseAddress, let source = source.baseAddress else { return }
            let down = row + part.width
            let across = down + rows.taps
            for x in 0..<width { columns.weights(x) { across[x * columns.taps + $0] = Float($1) } }
            for y in 0..<height {
                rows.weights(y) { down[$0] = Float($1) }
                let (first, count) = rows.span(y)
                for c in 0..<data.channels {
                    let plane = source + (c * size.height + part.top + first) * size.width + part.left
                    row.update(repeating: 0, count: part.width)
                    for t in 0..<count {
                        let (weight, line) = (down[t], plane + t * size.width)
                        for x in 0..<part.width { row[x] += weight * Float(line[x]) }
                    }
                    let out = destination + (c * channelStride + y * rowStride)
                    let (scale, offset) = (normalization.scale[c], normalization.offset[c])
                    for x in 0..<width {
                        let (first, count) = columns.span(x)
                        let weights = across + x * columns.taps
                        var sum: Float = 0
                        for t in 0..<count { sum += weights[t] * row[first + t] }
                        out[isMirrored ? width - 1 - x : x] = sum * scale + offset
                    }
                }
            }
        }
    }
}
