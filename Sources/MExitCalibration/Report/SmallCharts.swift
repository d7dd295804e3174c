/// Where samples leave: one bar per policy, one piece per exit, the early ones light and the late ones dark.
struct ShareBars {
    var rows: [(name: String, shares: [Double])]

    func svg(_ description: String) -> String {
        guard let exits = rows.first?.shares.count, exits > 0 else { return "" }
        let key = (0..<exits).map { "<li><i class=\"dot\" style=\"background:var(--s0);opacity:\(opacity($0, exits))\"></i>exit \($0)</li>" }.joined()
        return """
            <figure>\(drawing("wide-only", label: 170, width: 580, exits, description))
            \(drawing("narrow-only", label: 110, width: 260, exits, description))<ul class="key">\(key)</ul></figure>
            """
    }

    private func drawing(_ name: String, label: Double, width: Double, _ exits: Int, _ description: String) -> String {
        let bar = 24.0
        var parts: [String] = []
        for (index, row) in rows.enumerated() {
            let y = Double(index) * (bar + 6)
            let letters = Int((label - 8) / 6.6)
            let shown = row.name.count > letters ? row.name.prefix(letters - 1) + "…" : row.name[...]
            parts.append("<text class=\"ink\" x=\"\(f(label - 8))\" y=\"\(f(y + 16))\" text-anchor=\"end\">\(escaped(String(shown)))</text>")
            var x = label
            for (exit, share) in row.shares.enumerated() where share > 0 {
                let piece = share * width
                let tip = "\(row.name), exit \(exit): \(percentText(share))"
                parts.append("<rect x=\"\(f(x))\" y=\"\(f(y))\" width=\"\(f(piece))\" height=\"\(f(bar))\" fill=\"var(--s0)\" fill-opacity=\"\(opacity(exit, exits))\"><title>\(escaped(tip))</title></rect>")
                if piece > 44 {
                    let fill = exit * 2 >= exits ? "style=\"fill:var(--paper)\"" : "class=\"ink\""
                    parts.append("<text \(fill) x=\"\(f(x + piece / 2))\" y=\"\(f(y + 16))\" text-anchor=\"middle\">\(percentText(share))</text>")
                }
                x += piece
            }
        }
        let height = Double(rows.count) * (bar + 6)
        return """
            <svg class="\(name)" viewBox="0 0 \(f(label + width)) \(f(height))" role="img" aria-label="\(escaped(description))">
            \(parts.joined(separator: "\n"))
            </svg>
            """
    }

    private func opacity(_ exit: Int, _ exits: Int) -> String { f(0.2 + 0.8 * Double(exit) / Double(max(exits - 1, 1))) }
}

/// Which classes an exit takes for which: rows are true classes, darker is more often. The diagonal is what it gets right.
struct ConfusionMap {
    /// With more, cells are too small to be told apart.
    static let mostClasses = 25

    var title: String
    /// `[K][K]`: samples by true class, then by the class named.
    var counts: [[Int]]
    var classNames: [String]

    func svg() -> String {
        let (label, side) = (70.0, 200.0)
        let cell = side / Double(max(counts.count, 1))
        func name(_ index: Int) -> String { classNames.indices.contains(index) ? classNames[index] : "\(index)" }
        func short(_ text: String) -> String { text.count > 10 ? String(text.prefix(9)) + "…" : text }
        var parts: [String] = []
        for (truth, row) in counts.enumerated() {
            let total = max(row.reduce(0, +), 1)
            let y = Double(truth) * cell
            parts.append("<text x=\"\(f(label - 5))\" y=\"\(f(y + cell / 2 + 3.5))\" text-anchor=\"end\">\(escaped(short(name(truth))))</text>")
            for (label2, count) in row.enumerated() where count > 0 {
                let share = Double(count) / Double(total)
                // Errors are rare: the root shows them.
                let shade = truth == label2 ? 0.15 + 0.6 * share : min(1, share.squareRoot() * 1.6)
                let tip = "\(name(truth)) \(truth == label2 ? "recognised" : "taken for \(name(label2))"): \(count) of \(total)"
                parts.append("<rect x=\"\(f(label + Double(label2) * cell + 0.5))\" y=\"\(f(y + 0.5))\" width=\"\(f(cell - 1))\" height=\"\(f(cell - 1))\" fill=\"var(--s\(truth == label2 ? 0 : 4))\" fill-opacity=\"\((shade * 100).rounded() / 100)\"><title>\(escaped(tip))</title></rect>")
            }
        }
        parts.append("<path class=\"grid\" d=\"M\(f(label)) 0h\(f(side))v\(f(side))h\(f(-side))z\"/>")
        for index in counts.indices {
            let x = label + (Double(index) + 0.5) * cell
            parts.append("<text transform=\"translate(\(f(x + 3)) \(f(side + 5))) rotate(-90)\" text-anchor=\"end\">\(escaped(short(name(index))))</text>")
        }
        return """
            <figure><svg viewBox="0 0 \(f(label + side + 2)) \(f(side + 72))" role="img" aria-label="\(escaped(title + ": confusion of classes"))">
            \(parts.joined(separator: "\n"))
            </svg><figcaption><b>\(escaped(title))</b></figcaption></figure>
            """
    }
}

/// Accuracy over softmax probability, one picture per exit: on the diagonal, an exit is as sure as it should be.
struct ReliabilityDiagram {
    var title: String
    var caption: String
    /// Drawn as bars.
    var reliability: Reliability
    /// Drawn as a line, for comparison.
    var other: Reliability?

    func svg() -> String {
        let (side, margin) = (170.0, 30.0)
        func x(_ share: Double) -> Double { margin + share * side }
        func y(_ share: Double) -> Double { 6 + (1 - share) * side }
        var parts: [String] = []
        let width = side / Double(reliability.bins.count)
        let all = max(1, reliability.bins.reduce(0) { $0 + $1.count })
        for (index, bin) in reliability.bins.enumerated() {
            guard let accuracy = bin.accuracy, let mean = bin.meanConfidence else { continue }
            // Bins that hold more samples are drawn stronger.
            let weight = 0.3 + 0.7 * min(1, 4 * Double(bin.count) / Double(all))
            let tip = "\(bin.count) samples, probability \(percentText(mean)), right \(percentText(accuracy))"
            parts.append("<rect x=\"\(f(margin + Double(index) * width + 0.5))\" y=\"\(f(y(accuracy)))\" width=\"\(f(width - 1))\" height=\"\(f(accuracy * side))\" fill=\"var(--s0)\" fill-opacity=\"\(f(weight))\"><title>\(escaped(tip))</title></rect>")
        }
        if let other {
            let places = other.bins.compactMap { bin in bin.accuracy.flatMap { accuracy in bin.meanConfidence.map { (x($0), y(accuracy)) } } }
            let path = places.enumerated().map { "\($0 == 0 ? "M" : "L")\(f($1.0)) \(f($1.1))" }.joined()
            if places.count > 1 { parts.append("<path d=\"\(path)\" fill=\"none\" stroke=\"var(--s1)\" stroke-width=\"1.5\"/>") }
        }
        parts.append("<path class=\"axis\" stroke-dasharray=\"3 3\" d=\"M\(f(x(0))) \(f(y(0)))L\(f(x(1))) \(f(y(1)))\"/>")
        parts.append("<path class=\"axis\" d=\"M\(f(x(0))) \(f(y(1)))V\(f(y(0)))H\(f(x(1)))\"/>")
        for tick in [0, 0.5, 1] {
            parts.append("<text x=\"\(f(x(tick)))\" y=\"\(f(y(0) + 15))\" text-anchor=\"middle\">\(f(tick))</text>")
            parts.append("<text x=\"\(f(margin - 5))\" y=\"\(f(y(tick) + 4))\" text-anchor=\"end\">\(f(tick))</text>")
        }
        return """
            <figure><svg viewBox="0 0 210 200" role="img" aria-label="\(escaped(title + ", reliability: " + caption))">
            \(parts.joined(separator: "\n"))
            </svg><figcaption><b>\(escaped(title))</b><br>\(escaped(caption))</figcaption></figure>
            """
    }
}

/// 0.1234 as "12.3 %".
func percentText(_ share: Double, digits: Int = 1) -> String {
    fixed(share * 100, digits: digits) + " %"
}
