#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import MExitIR

extension ParameterStore {
    /// Fresh numbers, as MSDNet's authors draw them: convolution weights normal with variance 2 / (kh * kw * O) (He et al.
    /// 2015, fan-out), linear weights uniform within 1 / sqrt(I) (PyTorch's default), batch-norm weight 1, running variance 1, all
    /// biases and running means 0.
    ///
    /// A tensor's numbers depend on the seed and its name alone, so changing one part of a network leaves the rest as it was.
    public func initialize(seed: UInt64) {
        for (t, range) in trainable.enumerated() {
            fill(tensor(t), spec: range.spec, seed: seed)
        }
        for range in statistics {
            let value: Float = range.spec.role == .runningVariance ? 1 : 0
            statisticsValues[range.range].update(repeating: value)
        }
    }

    private func fill(_ values: UnsafeMutableBufferPointer<Float>, spec: ParameterSpec, seed: UInt64) {
        var random = TensorRandom(seed: seed, name: spec.name)
        switch (graph.nodes[spec.node].operation, spec.role) {
        case (.conv2d(let conv), .weight):
            let std = (2 / Double(conv.kernelHeight * conv.kernelWidth * conv.outChannels)).squareRoot()
            for i in values.indices { values[i] = Float(std * random.normal()) }
        case (.linear, .weight):
            let bound = 1 / Double(spec.dimensions[1]).squareRoot()
            for i in values.indices { values[i] = Float(bound * (2 * random.uniform() - 1)) }
        case (.batchNorm, .weight):
            values.update(repeating: 1)
        default:
            values.update(repeating: 0)
        }
    }
}

/// Random numbers of one tensor: SplitMix64 (Steele, Lea & Flood 2014), started from the seed and an FNV-1a hash of the name.
struct TensorRandom {
    private var state: UInt64

    init(seed: UInt64, name: String) {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        state = hash ^ (seed &* 0x9e37_79b9_7f4a_7c15)
        // Two steps decouple streams whose starting states differ in few bits.
        _ = next()
        _ = next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    /// Uniform in 0 ..< 1, 53 bits.
    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Standard normal (Box & Muller 1958).
    mutating func normal() -> Double {
        let radius = (-2 * log(1 - uniform())).squareRoot()
        return radius * cos(2 * .pi * uniform())
    }
}
