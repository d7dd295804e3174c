/// Throws unless `actual` and `expected` have the same length and each pair differs by at most its tolerance. A NaN is
/// close to nothing but NaN.
public func assertClose(_ actual: [Float], _ expected: [Double], within tolerance: [Double], _ what: String = "") throws {
    guard actual.count == expected.count, tolerance.count == expected.count else {
        throw TestSupportError("\(what): \(actual.count) values, expected \(expected.count)")
    }
    for (index, value) in actual.enumerated() {
        let (a, e) = (Double(value), expected[index])
        if a.isNaN && e.isNaN || a == e || abs(a - e) <= tolerance[index] { continue }
        throw TestSupportError("\(what): value \(index) is \(a), expected \(e) within \(tolerance[index])")
    }
}

/// Throws unless each pair differs by at most `tolerance`.
public func assertClose(_ actual: [Float], _ expected: [Float], within tolerance: Double, _ what: String = "") throws {
    try assertClose(
        actual, expected.map(Double.init), within: Array(repeating: tolerance, count: expected.count), what)
}

/// Throws unless the bits agree (any NaN equals any NaN).
public func assertSameBits(_ actual: [Float], _ expected: [Float], _ what: String = "") throws {
    guard actual.count == expected.count else {
        throw TestSupportError("\(what): \(actual.count) values, expected \(expected.count)")
    }
    for (index, (a, e)) in zip(actual, expected).enumerated() where a.bitPattern != e.bitPattern && !(a.isNaN && e.isNaN) {
        throw TestSupportError("\(what): value \(index) is \(a), expected exactly \(e)")
    }
}
