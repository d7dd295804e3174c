extension [UInt8] {
    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        for byte in 0..<T.bitWidth / 8 { append(UInt8(truncatingIfNeeded: value >> (8 * byte))) }
    }

    /// The number at an offset that the caller has checked.
    func littleEndian<T: FixedWidthInteger>(at offset: Int, as type: T.Type = T.self) -> T {
        var value: T = 0
        for byte in 0..<T.bitWidth / 8 { value |= T(truncatingIfNeeded: self[offset + byte]) << (8 * byte) }
        return value
    }
}

/// The next multiple of `alignment`, a power of two; nil when it does not fit.
func align(_ value: Int, to alignment: Int) -> Int? {
    let (sum, overflow) = value.addingReportingOverflow(alignment - 1)
    return overflow ? nil : sum & ~(alignment - 1)
}
