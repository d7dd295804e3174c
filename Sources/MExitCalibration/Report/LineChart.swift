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
    private static let (left, right, top, bottom) = (80.0, 20.0, 16.0, 46.0)

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
        var labels = LabelPlaces(width: LineChart.width, top: ceiling, bottom: floor)
        for line in series where line.marks {
            for point in line.points where point.x.isFinite && point.y.isFinite { labels.avoid(place(point)) }
        }
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
                    let label = labels.next(name, at: at)
                    parts.append("<text class=\"ink\" x=\"\(f(label.x))\" y=\"\(f(label.y))\">\(escaped(name))</text>")
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

/// Finds room for names beside their points: the first of some places around it that touches no other name and no point.
private struct LabelPlaces {
    private typealias Box = (left: Double, top: Double, right: Double, bottom: Double)
    private let width: Double
    private let top: Double
    private let bottom: Double
    private var taken: [Box] = []

    init(width: Double, top: Double, bottom: Double) {
        self.width = width
        self.top = top
        self.bottom = bottom
    }

    mutating func avoid(_ point: (x: Double, y: Double)) { taken.append((point.x - 5, point.y - 5, point.x + 5, point.y + 5)) }

    /// - Returns: where the text starts, on its base line. In a crowd it is above the point, over others.
    mutating func next(_ name: String, at point: (x: Double, y: Double)) -> (x: Double, y: Double) {
        // 6.4 is the mean width of a character of 12 pixels, with some air.
        let long = 6.4 * Double(name.count)
        for lift in [-6.0, 4, 15, -20, 29, -34, 43, -48, 57, -62, -76, -90, -104] {
            for x in [point.x + 8, point.x - 8 - long, point.x - long / 2] {
                let box: Box = (x, point.y + lift - 10, x + long, point.y + lift + 2)
                guard box.left >= 0, box.right <= width, box.top >= top - 12, box.bottom <= bottom else { continue }
                if taken.contains(where: { $0.left < box.right && $0.right > box.left && $0.top < box.bottom && $0.bottom > box.top }) { continue }
                taken.append(box)
                return (x, point.y + lift)
            }
        }
        return (max(0, min(point.x - long / 2, width - long)), point.y - 8)
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
