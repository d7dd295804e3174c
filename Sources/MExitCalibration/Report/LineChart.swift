/// Lines and points over two axes, as SVG: once for wide screens and paper, once for phones, since text must not shrink with
/// the picture.
struct LineChart {
    struct Series {
        var name: String
        /// Which of the page's colours, 0 ... 5.
        var colour: Int
        var points: [(x: Double, y: Double)]
        var joins = true
        /// What is behind others: thin and dashed.
        var isFaint = false
        /// A mark at every point, with its name where there is one and room for it.
        var marks = false
        var names: [String] = []
    }

    /// A drawing area with its margins, in pixels.
    struct Format {
        var name: String
        var width: Double
        var height: Double
        var left: Double
        var xTicks: Int
        let right = 20.0
        let top = 16.0
        let bottom = 46.0

        static let wide = Format(name: "wide-only", width: 760, height: 380, left: 80, xTicks: 7)
        static let narrow = Format(name: "narrow-only", width: 370, height: 300, left: 62, xTicks: 4)
    }

    var series: [Series]
    var xTitle: String
    var yTitle: String
    /// What stands at a tick.
    var xText: (Double) -> String
    var yText: (Double) -> String

    func svg(_ description: String) -> String {
        guard series.contains(where: { $0.points.contains { $0.x.isFinite && $0.y.isFinite } }) else { return "" }
        let key = series.map { "<li><i\($0.joins ? "" : " class=\"dot\"") style=\"background:var(--s\($0.colour))\"></i>\(escaped($0.name))</li>" }.joined()
        return """
            <figure>\(drawing(.wide, description))
            \(drawing(.narrow, description))<ul class="key">\(key)</ul></figure>
            """
    }

    /// One SVG element.
    func drawing(_ format: Format, _ description: String) -> String {
        let points = series.flatMap(\.points).filter { $0.x.isFinite && $0.y.isFinite }
        let x = Axis(points.map(\.x), wanted: format.xTicks)
        let y = Axis(points.map(\.y))
        let (floor, ceiling) = (format.height - format.bottom, format.top)
        func place(_ point: (x: Double, y: Double)) -> (x: Double, y: Double) {
            (
                format.left + x.share(point.x) * (format.width - format.left - format.right),
                floor - y.share(point.y) * (floor - ceiling)
            )
        }
        var parts: [String] = []
        for tick in y.ticks {
            let at = place((x.low, tick)).y
            parts.append("<path class=\"grid\" d=\"M\(f(format.left)) \(f(at))H\(f(format.width - format.right))\"/>")
            parts.append("<text x=\"\(f(format.left - 8))\" y=\"\(f(at + 4))\" text-anchor=\"end\">\(escaped(yText(tick)))</text>")
        }
        for tick in x.ticks {
            let at = place((tick, y.low)).x
            parts.append("<path class=\"axis\" d=\"M\(f(at)) \(f(floor))v5\"/>")
            parts.append("<text x=\"\(f(at))\" y=\"\(f(floor + 19))\" text-anchor=\"middle\">\(escaped(xText(tick)))</text>")
        }
        parts.append("<path class=\"axis\" d=\"M\(f(format.left)) \(f(ceiling))V\(f(floor))H\(f(format.width - format.right))\"/>")
        parts.append("<text x=\"\(f((format.left + format.width) / 2))\" y=\"\(f(format.height - 8))\" text-anchor=\"middle\">\(escaped(xTitle))</text>")
        // On a phone there is no room beside the ticks.
        if format.width > 500 { parts.append("<text transform=\"translate(12 \(f((floor + ceiling) / 2))) rotate(-90)\" text-anchor=\"middle\">\(escaped(yTitle))</text>") }
        var labels = LabelPlaces(left: format.left, right: format.width, top: ceiling, bottom: floor)
        for line in series where line.marks {
            for point in line.points where point.x.isFinite && point.y.isFinite { labels.avoid(place(point)) }
        }
        // Names lie over all lines and marks.
        var names: [String] = []
        for line in series {
            let colour = "var(--s\(line.colour))"
            let places = line.points.map { $0.x.isFinite && $0.y.isFinite ? place($0) : nil }
            let shown = places.compactMap { $0 }
            if line.joins, shown.count > 1 {
                let path = shown.enumerated().map { "\($0 == 0 ? "M" : "L")\(f($1.x)) \(f($1.y))" }.joined()
                let look = line.isFaint ? "stroke-width=\"1.5\" stroke-dasharray=\"5 3\"" : "stroke-width=\"2.2\""
                parts.append("<path d=\"\(path)\" fill=\"none\" stroke=\"\(colour)\" stroke-linejoin=\"round\" \(look)/>")
            }
            guard line.marks else { continue }
            for (index, at) in places.enumerated() {
                guard let at else { continue }
                let name = line.names.indices.contains(index) ? line.names[index] : ""
                let point = line.points[index]
                let tip = "\(line.name) \(name): \(yText(point.y)) at \(xText(point.x))"
                parts.append("<circle cx=\"\(f(at.x))\" cy=\"\(f(at.y))\" r=\"4.5\" fill=\"\(colour)\"><title>\(escaped(tip))</title></circle>")
                if !name.isEmpty, let label = labels.next(name, at: at) {
                    names.append("<text class=\"name\" x=\"\(f(label.x))\" y=\"\(f(label.y))\">\(escaped(name))</text>")
                }
            }
        }
        return """
            <svg class="\(format.name)" viewBox="0 0 \(f(format.width)) \(f(format.height))" role="img" aria-label="\(escaped(description))">
            \((parts + names).joined(separator: "\n"))
            </svg>
            """
    }
}

/// Finds room for names beside their points: the first of some places around it that touches no other name and no point.
private struct LabelPlaces {
    private typealias Box = (left: Double, top: Double, right: Double, bottom: Double)
    private let left: Double
    private let right: Double
    private let top: Double
    private let bottom: Double
    private var taken: [Box] = []

    init(left: Double, right: Double, top: Double, bottom: Double) {
        self.left = left
        self.right = right
        self.top = top
        self.bottom = bottom
    }

    mutating func avoid(_ point: (x: Double, y: Double)) { taken.append((point.x - 5, point.y - 5, point.x + 5, point.y + 5)) }

    /// - Returns: where the text starts, on its base line; nil where there is no room: the mark's tip has the name too.
    mutating func next(_ name: String, at point: (x: Double, y: Double)) -> (x: Double, y: Double)? {
        // 6.4 is the mean width of a character of 12 pixels, with some air.
        let long = 6.4 * Double(name.count)
        for lift in [-6.0, 4, 15, -20, 29, -34, 43, -48, 57, -62, -76, -90, -104] {
            for x in [point.x + 8, point.x - 8 - long, point.x - long / 2] {
                let box: Box = (x, point.y + lift - 10, x + long, point.y + lift + 2)
                guard box.left >= left + 2, box.right <= right, box.top >= top - 12, box.bottom <= bottom else { continue }
                if taken.contains(where: { $0.left < box.right && $0.right > box.left && $0.top < box.bottom && $0.bottom > box.top }) { continue }
                taken.append(box)
                return (x, point.y + lift)
            }
        }
        return nil
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
