/// IEEE 754 binary16 in software: Swift's `Float16` is not there on every platform.
enum HalfFloat {
    /// 2^112: the difference of the exponents' biases.
    private static let rebias = Float(bitPattern: 0x7780_0000)

    /// Every binary16 is a binary32.
    static func value(of bits: UInt32) -> Float {
        let sign = (bits & 0x8000) << 16
        let magnitude = (bits & 0x7FFF) << 13
        // Infinities and NaNs keep their exponent at the top; all others, subnormals too, are a multiplication away.
        let finite = (Float(bitPattern: magnitude) * rebias).bitPattern
        return Float(bitPattern: sign | (magnitude >= 0x0F80_0000 ? magnitude | 0x7F80_0000 : finite))
    }

    /// To the nearest, ties to even; what is too large becomes infinite, a NaN stays one.
    static func bits(of value: Float) -> UInt16 {
        let sign = UInt16(value.bitPattern >> 16 & 0x8000)
        let magnitude = value.bitPattern & 0x7FFF_FFFF
        if magnitude > 0x7F80_0000 { return sign | 0x7E00 | UInt16(magnitude >> 13 & 0x1FF) }
        // 65520 and above round to 65536, which there is none of.
        if magnitude >= 0x477F_F000 { return sign | 0x7C00 }
        if magnitude < 0x3880_0000 {
            // Below 2^-14 the spacing is 2^-24, that of a binary32 between 0.5 and 1: adding 0.5 rounds to it.
            return sign | UInt16(truncatingIfNeeded: (Float(bitPattern: magnitude) + 0.5).bitPattern &- Float(0.5).bitPattern)
        }
        let rounded = magnitude + 0xFFF + (magnitude >> 13 & 1)
        return sign | UInt16(truncatingIfNeeded: (rounded - 0x3800_0000) >> 13)
    }
}

/// The upper half of a binary32.
enum BrainFloat {
    /// To the nearest, ties to even; a NaN stays one.
    static func bits(of value: Float) -> UInt32 {
        let bits = value.bitPattern
        if value.isNaN { return bits >> 16 | 0x40 }
        return (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16
    }
}
