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
        let (rows, columns) = (Triangle(from: part.height, to: height), Triangle(from: part.width, to: width))
        withUnsafeTemporaryAllocation(of: Float.self, capacity: part.width + rows.taps + width * columns.taps) { scratch in
            guard let row = scratch.baseAddress, let source = source.baseAddress else { return }
            let down = row + part.width
            let across = down + rows.taps
            for x in 0..<width { columns.weights(x, into: across + x * columns.taps) }
            for y in 0..<height {
                rows.weights(y, into: down)
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

/// The filter of one axis: bilinear when enlarging, a triangle as wide as the shrink factor on each side when shrinking.
private struct Triangle {
    private let input: Int
    /// Input samples per output sample, and half the filter's width in input samples.
    private let step, support: Double
    /// Weights of an output sample at most.
    let taps: Int

    init(from input: Int, to output: Int) {
        self.input = input
        step = Double(input) / Double(output)
        support = max(1, step)
        taps = 2 * Int(support.rounded(.up)) + 1
    }

    private func centre(_ output: Int) -> Double { (Double(output) + 0.5) * step }

    /// The input samples that count.
    func span(_ output: Int) -> (first: Int, count: Int) {
        let first = max(0, Int(centre(output) - support + 0.5))
        return (first, min(input, Int(centre(output) + support + 0.5)) - first)
    }

    /// Writes their weights, which sum to 1.
    func weights(_ output: Int, into weights: UnsafeMutablePointer<Float>) {
        let (first, count) = span(output)
        func raw(_ t: Int) -> Double { max(0, 1 - abs(Double(first + t) + 0.5 - centre(output)) / support) }
        let total = (0..<count).reduce(0) { $0 + raw($1) }
        for t in 0..<count { weights[t] = Float(raw(t) / total) }
    }
}
