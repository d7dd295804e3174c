/// A grid of coloured cells as SVG, each with its value as a tooltip.
struct SVGHeatMap {
    enum Scale {
        /// 0 white ... 1 red.
        case share
        /// -1 red, 0 white, 1 blue.
        case cosine

        func colour(_ value: Double) -> String {
            let strength = Int((min(1, abs(value)) * 100).rounded())
            let hue = self == .share || value < 0 ? 8 : 215
            return "hsl(\(hue),75%,\(100 - strength / 2)%)"
        }

        /// The colours from one end to the other, with their values.
        var legend: String {
            let (low, high) = self == .share ? (0.0, 1.0) : (-1.0, 1.0)
            let stops = [low, (low + high) / 2, high].map(colour).joined(separator: ",")
            func name(_ value: Double) -> String { self == .share ? HTML.number(100 * value) + " %" : HTML.number(value) }
            return "<span class=\"scale\">\(name(low)) <i style=\"background:linear-gradient(to right,\(stops))\"></i> \(name(high))</span>"
        }
    }

    var title: String
    var rows: [String]
    var columns: [String]
    var scale: Scale
    /// Nil leaves a cell empty.
    var value: (_ row: Int, _ column: Int) -> Double?
    var cell: (width: Double, height: Double)
    /// Write every how many columns' name.
    var columnLabels = 1
    /// Write values into the cells.
    var showsValues = false

    var text: String {
        let left = 12 + 6.6 * Double(rows.map(\.count).max() ?? 0)
        let width = left + cell.width * Double(columns.count) + 14
        let height = 24 + cell.height * Double(rows.count)
        var out = "<figure class=\"map\"><figcaption>\(HTML.escape(title))</figcaption>\n"
        out += "<svg viewBox=\"0 0 \(HTML.number(width)) \(HTML.number(height))\" style=\"width:\(HTML.number(width))px\" role=\"img\" aria-label=\"\(HTML.escape(title))\">\n"
        for (column, name) in columns.enumerated() where column % columnLabels == 0 {
            out += "<text class=\"middle\" x=\"\(HTML.number(left + cell.width * (Double(column) + 0.5)))\" y=\"14\">\(HTML.escape(name))</text>"
        }
        for (row, name) in rows.enumerated() {
            let y = 20 + cell.height * Double(row)
            out += "\n<text class=\"end\" x=\"\(HTML.number(left - 5))\" y=\"\(HTML.number(y + cell.height / 2 + 4))\">\(HTML.escape(name))</text>"
            for column in columns.indices {
                guard let value = value(row, column) else { continue }
                let x = left + cell.width * Double(column)
                let shown = scale == .share ? HTML.number(100 * value, digits: 1) + " %" : HTML.number(value, digits: 3)
                out += "<rect x=\"\(HTML.number(x))\" y=\"\(HTML.number(y))\" width=\"\(HTML.number(cell.width))\" height=\"\(HTML.number(cell.height))\" fill=\"\(scale.colour(value))\">"
                out += "<title>\(HTML.escape(name)), \(HTML.escape(columns[column])): \(shown)</title></rect>"
                if showsValues {
                    let short = scale == .share ? HTML.number(100 * value, digits: 0) : HTML.number(value, digits: 2)
                    out += "<text class=\"middle cell\" x=\"\(HTML.number(x + cell.width / 2))\" y=\"\(HTML.number(y + cell.height / 2 + 4))\">\(short)</text>"
                }
            }
        }
        return out + "\n</svg></figure>\n"
    }
}
