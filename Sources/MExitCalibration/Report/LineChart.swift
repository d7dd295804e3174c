/// Lines and points over two axes, as SVG.
struct LineChart {
    struct Series {
        var name: String
        /// Which of the page's colours, 0 ... 5.
        var colour: Int
        var points: [(x: Double, y: Double)]
        var joins = true
        /// A mark at every point, with its name where there is one.
        var marks = false
        var names: [String] = []
    }

    var series: [Series]
    var xTitle: String
    var yTitle: String
    /// What stands at a tick.
    var xText: (Double) -> String
    var yText: (Double) -> String

    private static let width = 760.0
    private static let height = 380.0
    private static let (left, right, top, bottom) = (64.0, 20.0, 16.0, 46.0)

    func svg(_ description: String) -> String {
        let points = series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
        guard !points.isEmpty else { return "" }
        let x = Axis(points.map(\.x))
        let y = Axis(points.map(\.y))
        func place(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
            (
                LineChart.left + x.share(point.x) * (LineChart.width - LineChart.left - LineChart.right),
                LineChart.height - LineChart.bottom - y.share(point.y) * (LineChart.height - LineChart.top - LineChart.bottom)
            )
        }
        let (floor, ceiling) = (LineChart.height - LineChart.bottom, LineChart.top)
        var parts: [String] = []
        for tick in y.ticks {
            let at = place((x.low, tick)).y
            parts.append("<path class=\"grid\" d=\"M\(f(LineChart.left)) \(f(at))H\(f(LineChart.width - LineChart.right))\"/>")
            parts.append("<text x=\"\(f(LineChart.left - 8))\" y=\"\(f(at + 4))\" text-anchor=\"end\">\(escaped(yText(tick)))</text>")
        }
        for tick in x.ticks {
            let at = place((tick, y.low)).x
            parts.append("<path class=\"axis\" d=\"M\(f(at)) \(f(floor))v5\"/>")
            parts.append("<text x=\"\(f(at))\" y=\"\(f(floor + 19))\" text-anchor=\"middle\">\(escaped(xText(tick)))</text>")
        }
        parts.append("<path class=\"axis\" d=\"M\(f(LineChart.left)) \(f(ceiling))V\(f(floor))H\(f(LineChart.width - LineChart.right))\"/>")
        parts.append("<text x=\"\(f((LineChart.left + LineChart.width) / 2))\" y=\"\(f(LineChart.height - 8))\" text-anchor=\"middle\">\(escaped(xTitle))</text>")
        parts.append("<text transform=\"translate(14 \(f((floor + ceiling) / 2))) rotate(-90)\" text-anchor=\"middle\">\(escaped(yTitle))</text>")
        for line in series {
            let colour = "var(--s\(line.colour))"
            let places = line.points.filter { $0.x.isFinite && $0.y.isFinite }.map(place)
            if line.joins, places.count > 1 {
                let path = places.enumerated().map { "\($0 == 0 ? "M" : "L")\(f($1.x)) \(f($1.y))" }.joined()
                parts.append("<path d=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\"/>")
            }
            guard line.marks else { continue }
            for (index, at) in places.enumerated() {
                let name = line.names.indices.contains(index) ? line.names[index] : ""
                let point = line.points[index]
                let tip = "\(line.name) \(name): \(yText(point.y)) at \(xText(point.x))"
                parts.append("<circle cx=\"\(f(at.x))\" cy=\"\(f(at.y))\" r=\"4.5\" fill=\"\(colour)\"><title>\(escaped(tip))</title></circle>")
                if !name.isEmpty {
                    // Names left of the middle stand to the right of their point, the others to the left: all inside.
                    let leftOfMiddle = at.x < LineChart.width / 2
                    parts.append(
                        "<text class=\"ink\" x=\"\(f(at.x + (leftOfMiddle ? 7 : -7)))\" y=\"\(f(at.y - 6))\" text-anchor=\"\(leftOfMiddle ? "start" : "end")\">\(escaped(name))</text>")
                }
            }
        }
        let key = series.map { "<li><i style=\"background:var(--s\($0.colour))\"></i>\(escaped($0.name))</li>" }.joined()
        return """
            <figure><svg viewBox="0 0 \(f(LineChart.width)) \(f(LineChart.height))" role="img" aria-label="\(escaped(description))">
            \(parts.joined(separator: "\n"))
            </svg><ul class="key">\(key)</ul></figure>
            """
    }
}

/// A range of numbers with round ticks.
struct Axis {
    let low: Double
    let high: Double
    let ticks: [Double]

    /// - Parameter values: at least one, finite.
    init(_ values: [Double], wanted: Int = 6) {
        var low = values.min() ?? 0
        var high = values.max() ?? 1
        if high - low <= abs(high) * 1e-9 {
            low -= max(abs(low) * 0.05, 1e-3)
            high += max(abs(high) * 0.05, 1e-3)
        }
        // The step is 1, 2 or 5 times a power of ten.
        let rough = (high - low) / Double(wanted)
        var power = 1.0
        while power * 10 <= rough { power *= 10 }
        while power > rough { power /= 10 }
        let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? 10 * power
        self.low = (low / step).rounded(.down) * step
        self.high = (high / step).rounded(.up) * step
        let count = Int(((self.high - self.low) / step).rounded())
        let start = self.low
        ticks = (0...count).map { start + Double($0) * step }
    }

    func share(_ value: Double) -> Double { (value - low) / (high - low) }
}

/// A coordinate: a tenth of a pixel is enough.
func f(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
