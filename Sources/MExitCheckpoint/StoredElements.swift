/// The elements of a tensor in the precision of a file: the lower `storage.bytesPerElement` bytes of each word.
struct StoredElements {
    let words: [UInt32]
    /// One per channel for int8, else empty.
    let scales: [Float]

    /// Rounds to the nearest element that the storage has, ties to even.
    ///
    /// - Parameter channels: divides the number of values; each channel's stand together.
    /// - Throws: ``CheckpointError`` for a value that the storage cannot hold.
    init(_ values: [Float], as storage: TensorStorage, channels: Int, what: String) throws {
        switch storage {
        case .f32:
            words = values.map(\.bitPattern)
            scales = []
        case .f16:
            let halves = values.map { UInt32(HalfFloat.bits(of: $0)) }
            if let index = values.indices.first(where: { values[$0].isFinite && halves[$0] & 0x7FFF == 0x7C00 }) {
                throw CheckpointError(.badModel, "\(what) has the value \(values[index]), and f16 ends at 65504; store it as bf16 or f32")
            }
            words = halves
            scales = []
        case .bf16:
            words = values.map { BrainFloat.bits(of: $0) }
            scales = []
        case .int8:
            if let value = values.first(where: { !$0.isFinite }) {
                throw CheckpointError(.badModel, "\(what) has the value \(value), which int8 cannot hold; store it as f32")
            }
            let size = values.count / max(channels, 1)
            let steps = (0..<channels).map { ChannelScale.scale(of: values[($0 * size)..<(($0 + 1) * size)]) }
            words = values.indices.map { ChannelScale.word(of: values[$0], scale: steps[$0 / size]) }
            scales = steps
        }
    }

    /// The values of elements that stand in byte planes, or one behind the other.
    ///
    /// - Parameters:
    ///   - bytes: exactly `count * storage.bytesPerElement`.
    ///   - scales: for int8 one per channel; their number divides `count`.
    static func values(of bytes: [UInt8], storage: TensorStorage, scales: [Float], count: Int, inPlanes: Bool) -> [Float] {
        precondition(bytes.count == count * storage.bytesPerElement)
        return bytes.withUnsafeBufferPointer { bytes in
            [Float](unsafeUninitializedCapacity: count) { output, initialised in
                // Loops of their own for both layouts of f32, the usual one: with the strides known, the compiler uses vectors.
                switch storage {
                case .f32 where inPlanes:
                    for i in 0..<count { output[i] = Float(bitPattern: quad(bytes[i], bytes[count + i], bytes[2 * count + i], bytes[3 * count + i])) }
                case .f32:
                    for i in 0..<count { output[i] = Float(bitPattern: quad(bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3])) }
                case .f16:
                    let (p, e) = inPlanes ? (count, 1) : (1, 2)
                    for i in 0..<count { output[i] = HalfFloat.value(of: pair(bytes[i * e], bytes[i * e + p])) }
                case .bf16:
                    let (p, e) = inPlanes ? (count, 1) : (1, 2)
                    for i in 0..<count { output[i] = Float(bitPattern: pair(bytes[i * e], bytes[i * e + p]) << 16) }
                case .int8:
                    let size = count / max(scales.count, 1)
                    for (channel, scale) in scales.enumerated() {
                        for i in (channel * size)..<((channel + 1) * size) { output[i] = scale * Float(Int8(bitPattern: bytes[i])) }
                    }
                }
                initialised = count
            }
        }
    }

    private static func pair(_ low: UInt8, _ high: UInt8) -> UInt32 { UInt32(low) | UInt32(high) << 8 }
    private static func quad(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> UInt32 { pair(a, b) | pair(c, d) << 16 }
}

/// Symmetric 8-bit quantisation of one channel: value = scale x integer.
enum ChannelScale {
    /// The largest magnitude becomes 127. 0 where that scale would be subnormal: such values are as good as zero.
    static func scale(of channel: ArraySlice<Float>) -> Float {
        let scale = channel.reduce(0) { max($0, $1.magnitude) } / 127
        return scale.isNormal ? scale : 0
    }

    static func word(of value: Float, scale: Float) -> UInt32 {
        if scale == 0 { return 0 }
        let rounded = (value / scale).rounded(.toNearestOrEven)
        return UInt32(UInt8(bitPattern: Int8(max(-127, min(127, rounded)))))
    }
}
