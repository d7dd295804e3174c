/// The filter that resizes one axis: bilinear when enlarging, a triangle as wide as the shrink factor on each side when shrinking, so that
/// fine texture does not alias. Positions and weights are those of BILINEAR in Pillow 12.
struct TriangleFilter {
    private let input: Int
    /// Input samples per output sample, and half the triangle's width in input samples.
    private let scale, support: Double
    /// Weights of an output sample, at most.
    let taps: Int

    init(input: Int, output: Int) {
        self.input = input
        scale = Double(input) / Double(output)
        support = max(scale, 1)
        taps = Int(support.rounded(.up)) * 2 + 1
    }

    private func centre(_ position: Int) -> Double { (Double(position) + 0.5) * scale }

    /// The input samples that count for an output sample.
    func span(_ position: Int) -> (start: Int, count: Int) {
        let start = max(0, Int(centre(position) - support + 0.5))
        return (start, min(input, Int(centre(position) + support + 0.5)) - start)
    }

    /// Gives the weights of those samples, which sum to 1, to `write` one by one.
    func weights(_ position: Int, _ write: (_ tap: Int, _ weight: Double) -> Void) {
        let (start, count) = span(position)
        func raw(_ tap: Int) -> Double { max(0, 1 - abs((Double(start + tap) - centre(position) + 0.5) / support)) }
        var total = 0.0
        for tap in 0..<count { total += raw(tap) }
        for tap in 0..<count { write(tap, raw(tap) / total) }
    }
}
