/// What a text in a file may be. Names are printed in tables, logs and messages, so that none may move the cursor or
/// reverse the line; the same rules hold for writing and reading.
enum TextRules {
    /// Of nodes, blocks, exits, classes, policies, counters.
    static let largestNameBytes = 200
    /// Of segments: a node's name with a prefix and its role.
    static let largestSegmentNameBytes = 255
    /// Of commands and descriptions.
    static let largestTextBytes = 64 << 10

    /// A name: 1 to `limit` bytes, one line, without control characters.
    static func checkName(_ name: String, _ what: @autoclosure () -> String, limit: Int = largestNameBytes) throws {
        guard !name.isEmpty, name.utf8.count <= limit else {
            throw CheckpointError(.malformed, "\(what()) has a name of \(name.utf8.count) bytes; 1 ... \(limit) are allowed")
        }
        try checkScalars(of: name, what(), allowed: [])
    }

    /// A text: may be empty, and may have tabs and several lines.
    static func checkText(_ text: String, _ what: @autoclosure () -> String) throws {
        guard text.utf8.count <= largestTextBytes else {
            throw CheckpointError(.malformed, "\(what()) has \(text.utf8.count) bytes; at most \(largestTextBytes) are allowed")
        }
        try checkScalars(of: text, what(), allowed: ["\n", "\t"])
    }

    /// The order of names in a file: that of their UTF-8 bytes, which does not depend on a version of Unicode.
    static func precedes(_ first: String, _ second: String) -> Bool { first.utf8.lexicographicallyPrecedes(second.utf8) }

    /// The same text with every character that ``checkText(_:_:)`` refuses replaced by a blank, and cut to its limit.
    static func sanitised(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var bytes = 0
        for scalar in text.unicodeScalars {
            bytes += UTF8.width(scalar)
            if bytes > largestTextBytes { break }
            result.append(isPrintable(scalar) || scalar == "\n" || scalar == "\t" ? scalar : " ")
        }
        return String(result)
    }

    private static func checkScalars(of text: String, _ what: @autoclosure () -> String, allowed: [Unicode.Scalar]) throws {
        for scalar in text.unicodeScalars where !isPrintable(scalar) && !allowed.contains(scalar) {
            let code = String(scalar.value, radix: 16, uppercase: true)
            throw CheckpointError(
                .malformed, "\(what()) contains the character U+\(String(repeating: "0", count: max(0, 4 - code.count)))\(code); control characters are not allowed")
        }
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value >= 0x20 && scalar.value < 0x7F { return true }
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate: return false
        default: return !bidirectionalControls.contains(scalar.value)
        }
    }

    /// Marks that reorder the text around them: they would make a name look like another.
    private static let bidirectionalControls: Set<UInt32> = Set(0x202A...0x202E).union(0x2066...0x2069).union([0x200E, 0x200F, 0x061C])
}
