/// A line chart as SVG, without scripts: axes, a line per series, its value at every point as a tooltip.
struct SVGChart {
    var title: String
    /// Per series: name and a value per epoch; NaN leaves a gap.
    var series: [(name: String, values: [Double])]
    /// x of each value.
    var epochs: [Int]
    var percent = false

    private static let width = 560.0
    private static let height = 260.0
    private static let (left, right, top, bottom) = (52.0, 12.0, 12.0, 34.0)

    var text: String {
        let finite = series.flatMap(\.values).filter(\.isFinite)
        guard let low = finite.min(), let high = finite.max(), let first = epochs.first, let last = epochs.last else { return "" }
        let ticks = SVGChart.ticks(low, high)
        let (bottomValue, topValue) = (min(low, ticks.first ?? low), max(high, ticks.last ?? high))
        func x(_ epoch: Int) -> Double {
            SVGChart.left + (SVGChart.width - SVGChart.left - SVGChart.right) * (last == first ? 0.5 : Double(epoch - first) / Double(last - first))
        }
        func y(_ value: Double) -> Double {
            let share = topValue == bottomValue ? 0.5 : (value - bottomValue) / (topValue - bottomValue)
            return SVGChart.height - SVGChart.bottom - (SVGChart.height - SVGChart.top - SVGChart.bottom) * share
        }
        var out = "<figure><figcaption>\(HTML.escape(title))</figcaption>\n<svg viewBox=\"0 0 \(Int(SVGChart.width)) \(Int(SVGChart.height))\" role=\"img\" aria-label=\"\(HTML.escape(title))\">\n"
        for tick in ticks {
            out += "<line class=\"grid\" x1=\"\(SVGChart.left)\" x2=\"\(SVGChart.width - SVGChart.right)\" y1=\"\(HTML.number(y(tick)))\" y2=\"\(HTML.number(y(tick)))\"/>"
            out += "<text class=\"end\" x=\"\(SVGChart.left - 5)\" y=\"\(HTML.number(y(tick) + 4))\">\(label(tick))</text>\n"
        }
        for epoch in SVGChart.epochTicks(first, last) {
            out += "<text class=\"middle\" x=\"\(HTML.number(x(epoch)))\" y=\"\(SVGChart.height - SVGChart.bottom + 16)\">\(epoch)</text>"
        }
        out += "<text class=\"middle\" x=\"\(SVGChart.width / 2)\" y=\"\(SVGChart.height - 4)\">epoch</text>\n"
        for (number, line) in series.enumerated() {
            let colour = SVGChart.colour(number, of: series.count)
            let points = zip(epochs, line.values).filter { $0.1.isFinite }
            let path = points.map { "\(HTML.number(x($0.0))),\(HTML.number(y($0.1)))" }.joined(separator: " ")
            out += "<polyline points=\"\(path)\" stroke=\"\(colour)\"/>\n"
            for (epoch, value) in points {
                out += "<circle cx=\"\(HTML.number(x(epoch)))\" cy=\"\(HTML.number(y(value)))\" r=\"\(points.count > 60 ? 1.5 : 2.5)\" fill=\"\(colour)\"><title>"
                out += "\(HTML.escape(line.name)), epoch \(epoch): \(label(value, digits: 4))</title></circle>"
            }
            out += "\n"
        }
        out += "</svg>\n"
        if series.count > 1 {
            out += "<p class=\"legend\">"
            for (number, line) in series.enumerated() {
                out += "<span><i style=\"background:\(SVGChart.colour(number, of: series.count))\"></i>\(HTML.escape(line.name))</span> "
            }
            out += "</p>\n"
        }
        return out + "</figure>\n"
    }

    private func label(_ value: Double, digits: Int = 3) -> String {
        percent ? HTML.number(100 * value, digits: digits - 1) + " %" : HTML.number(value, digits: digits + 1)
    }

    /// From dark blue over purple and red to light orange, shallow to deep: told apart by lightness too, also where colours are not.
    static func colour(_ number: Int, of count: Int) -> String {
        if count < 2 { return "hsl(220,65%,50%)" }
        let place = Double(number) / Double(count - 1)
        return "hsl(\(Int(235 + 160 * place) % 360),\(Int(60 + 30 * place))%,\(Int(38 + 20 * place))%)"
    }

    /// Round numbers that cover a range: 1, 2 or 5 times a power of ten apart, five or so.
    static func ticks(_ low: Double, _ high: Double) -> [Double] {
        guard high > low, (high - low).isFinite else { return [low] }
        var step = 1.0
        while step * 5 < high - low { step *= 10 }
        while step * 5 > (high - low) * 10 { step /= 10 }
        // step is now the power of ten of which the range holds 5 ... 50 or so.
        for factor in [0.1, 0.2, 0.5, 1, 2, 5, 10] where (high - low) / (step * factor) <= 6 {
            let first = (low / (step * factor)).rounded(.down)
            let last = (high / (step * factor)).rounded(.up)
            return stride(from: first, through: last, by: 1).map { $0 * step * factor }
        }
        return [low, high]
    }

    private static func epochTicks(_ first: Int, _ last: Int) -> [Int] {
        let step = max(1, (last - first + 8) / 8)
        return Array(stride(from: first, through: last, by: step))
    }
}
