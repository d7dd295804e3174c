/// Random numbers that this and tools/fixtures/counter_random.py compute alike, bit for bit: number i of a stream is a function of
/// the stream's name, the seed and i. The Python file specifies it.
public struct CounterRandom: Sendable {
    private let key: UInt64

    public init(name: String, seed: UInt64) {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        key = hash ^ seed
    }

    /// Uniform in 0 ..< 1.
    public func uniform(_ i: Int) -> Double {
        var z = key &+ UInt64(i + 1) &* 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Double(z >> 11) * 0x1p-53
    }

    /// Mean 0, variance 1: the sum of four uniform numbers.
    public func normal(_ i: Int) -> Double {
        let sum = uniform(4 * i) + uniform(4 * i + 1) + uniform(4 * i + 2) + uniform(4 * i + 3)
        return (sum - 2) * 3.0.squareRoot()
    }
}
