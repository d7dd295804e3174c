/// Small helpers for writing HTML and SVG by hand.
enum HTML {
    static func escape(_ text: String) -> String {
        var out = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            default: out.unicodeScalars.append(character)
            }
        }
        return out
    }

    /// Decimal notation without trailing zeros; the plain description for what does not fit.
    static func number(_ value: Double, digits: Int = 2) -> String {
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = (value.magnitude * scale).rounded()
        guard scaled < 9e15 else { return "\(value)" }
        var fraction = ""
        var rest = Int(scaled)
        for _ in 0..<digits {
            if !fraction.isEmpty || rest % 10 != 0 { fraction = "\(rest % 10)" + fraction }
            rest /= 10
        }
        let sign = value < 0 && scaled > 0 ? "-" : ""
        return sign + "\(rest)" + (fraction.isEmpty ? "" : "." + fraction)
    }
}
