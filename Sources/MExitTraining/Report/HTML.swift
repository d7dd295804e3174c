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

    /// Decimal notation with as many digits behind the point as asked for, for numbers that stand below one another.
    static func fixed(_ value: Double, digits: Int) -> String {
        var text = number(value, digits: digits)
        guard value.isFinite, !text.contains("e") else { return text }
        if !text.contains(".") { text += "." }
        while text.split(separator: ".", omittingEmptySubsequences: false)[1].count < digits { text += "0" }
        return text
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
