/// Random numbers that depend on a key alone, so that any draw can be repeated without those before it: an image is
/// augmented in the same way whichever thread meets it and whenever.
///
/// The key is hashed into the state of a SplitMix64 generator. All algorithms are written out here, because the standard
/// library does not promise that its `shuffle` and `random(in:)` stay the same between versions.
///
/// - Source: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.
package struct CounterRandom {
    private var state: UInt64

    /// What a stream of numbers is for; two purposes never share numbers.
    package enum Purpose: UInt64 {
        case augmentation = 1, order, holdOut, deconfliction, mixing, load, calibration
    }

    /// Starts the stream of a key.
    package init(_ purpose: Purpose, seed: UInt64, _ first: Int = 0, _ second: Int = 0) {
        var hash = Self.mix(seed &+ purpose.rawValue &* 0x9E37_79B9_7F4A_7C15)
        for part in [first, second] { hash = Self.mix(hash ^ (UInt64(bitPattern: Int64(part)) &+ 0x9E37_79B9_7F4A_7C15)) }
        state = hash
    }

    /// The next 64 random bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// Uniform in 0 ..< 1, 53 bits.
    package mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A whole number in `0 ..< bound`, every one equally likely.
    ///
    /// - Source: Lemire, Fast Random Integer Generation in an Interval, TOMACS 2019 (arXiv:1805.10941).
    package mutating func next(below bound: Int) -> Int {
        precondition(bound > 0)
        let bound = UInt64(bound)
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
        }
        return Int(product.high)
    }

    /// Shuffles in place (Fisher and Yates), every order equally likely.
    package mutating func shuffle<Element>(_ elements: inout [Element]) {
        for last in stride(from: elements.count - 1, to: 0, by: -1) { elements.swapAt(last, next(below: last + 1)) }
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
