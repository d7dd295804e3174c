/// A page that stands alone: styles and pictures inside, no script, nothing from the network.
struct HTMLPage {
    var title: String
    /// The result in a sentence, plain text.
    var lead = ""
    /// Facts under the title.
    var facts: [(String, String)] = []
    /// Headings and contents, HTML.
    private var sections: [(heading: String, body: String)] = []

    init(title: String) { self.title = title }

    /// - Parameters:
    ///   - heading: plain text.
    ///   - note: plain text above the contents.
    ///   - body: HTML.
    mutating func append(_ heading: String, note: String = "", _ body: String) {
        sections.append((heading, (note.isEmpty ? "" : "<p class=\"note\">\(escaped(note))</p>\n") + body))
    }

    func render() -> String {
        let list = facts.map { "<div><dt>\(escaped($0.0))</dt><dd>\(escaped($0.1))</dd></div>" }.joined(separator: "\n")
        let parts = sections.map { "<section>\n<h2>\(escaped($0.heading))</h2>\n\($0.body)\n</section>" }.joined(separator: "\n")
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
            <link rel="icon" href="data:,">
            <title>\(escaped(title))</title>
            <style>
            \(HTMLPage.style)
            </style>
            </head>
            <body>
            <main>
            <h1>\(escaped(title))</h1>\(lead.isEmpty ? "" : "\n<p class=\"lead\">\(escaped(lead))</p>")
            <dl>
            \(list)
            </dl>
            \(parts)
            </main>
            </body>
            </html>

            """
    }

    /// A table; cells are plain text. Columns whose cells are numbers stand to the right.
    static func table(_ titles: [String], _ rows: [[String]]) -> String {
        let isNumber = titles.indices.map { column in
            rows.allSatisfy { $0.indices.contains(column) && ($0[column].isEmpty || $0[column].first.map { "0123456789-+.".contains($0) } == true) }
        }
        // Long texts wrap; names and numbers do not.
        let isText = titles.indices.map { column in !isNumber[column] && rows.contains { $0.indices.contains(column) && $0[column].count > 28 } }
        func cell(_ tag: String, _ column: Int, _ text: String) -> String {
            "<\(tag)\(isNumber[column] ? " class=\"n\"" : isText[column] ? " class=\"text\"" : "")>\(escaped(text))</\(tag)>"
        }
        let head = titles.enumerated().map { cell("th", $0, $1) }.joined()
        let body = rows.map { "<tr>" + $0.prefix(titles.count).enumerated().map { cell("td", $0, $1) }.joined() + "</tr>" }.joined(separator: "\n")
        return "<div class=\"wide\"><table>\n<thead><tr>\(head)</tr></thead>\n<tbody>\n\(body)\n</tbody>\n</table></div>"
    }

    private static let style = """
        :root { --paper: #ffffff; --ink: #1c2128; --soft: #59636e; --line: #d8dee4; --panel: #f6f8fa;
          --s0: #0550ae; --s1: #bc4c00; --s2: #116329; --s3: #8250df; --s4: #a40e26; --s5: #7d4e00; }
        @media (prefers-color-scheme: dark) { :root { --paper: #0f1318; --ink: #e6edf3; --soft: #9aa5b1; --line: #343b44; --panel: #171c23;
          --s0: #79c0ff; --s1: #ffa657; --s2: #7ee787; --s3: #d2a8ff; --s4: #ff9492; --s5: #e3b341; } }
        @media print { :root { --paper: #ffffff; --ink: #000000; --soft: #444444; --line: #bbbbbb; --panel: #f4f4f4;
          --s0: #0550ae; --s1: #bc4c00; --s2: #116329; --s3: #8250df; --s4: #a40e26; --s5: #7d4e00; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: .94rem/1.5 system-ui, sans-serif; -webkit-text-size-adjust: 100%; }
        main { max-width: 62rem; margin: 0 auto; padding: 1.5rem; }
        h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .6rem; overflow-wrap: anywhere; }
        h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
        h3 { font-size: 1rem; margin: 1rem 0 .4rem; }
        p.lead { font-size: 1.08rem; margin: 0 0 1.1rem; max-width: 50rem; }
        p.note { color: var(--soft); margin: .25rem 0 .75rem; max-width: 50rem; }
        dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .6rem; margin: 0; }
        dl div { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: .45rem .7rem; min-width: 0; }
        dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; overflow-wrap: anywhere; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .88rem; }
        th, td { text-align: left; padding: .28rem 1.1rem .28rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
        th { color: var(--soft); font-weight: 600; vertical-align: bottom; } .n { text-align: right; }
        td { white-space: nowrap; } td.text { white-space: normal; min-width: 13rem; } th:last-child, td:last-child { padding-right: 0; }
        figure { margin: .75rem 0; } figcaption { color: var(--soft); font-size: .85rem; line-height: 1.35; }
        svg { max-width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
        svg .axis { stroke: var(--soft); fill: none; } svg .grid { stroke: var(--line); fill: none; } svg text.ink { fill: var(--ink); }
        svg text.name { fill: var(--ink); stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round; paint-order: stroke; }
        .narrow-only { display: none; }
        .key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; padding: 0; margin: .3rem 0; list-style: none; font-size: .88rem; }
        .key i { display: inline-block; width: 1.1rem; height: .22rem; margin-right: .4rem; vertical-align: middle; }
        .key i.dot { width: .7rem; height: .7rem; border-radius: 50%; }
        .row { display: grid; grid-template-columns: repeat(auto-fill, minmax(165px, 1fr)); gap: .9rem; }
        .row.large { grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); } .row figure { margin: .3rem 0; }
        .photos { display: grid; grid-template-columns: repeat(auto-fill, minmax(4.6rem, 1fr)); gap: .6rem .5rem; max-width: 58rem; }
        .photos figure { margin: 0; min-width: 0; }
        .photos img { width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; border: 1px solid var(--line); border-radius: 4px; }
        .photos figcaption { font-size: .74rem; line-height: 1.25; overflow-wrap: anywhere; } .wrong { color: var(--s4); }
        @media (max-width: 40rem) { main { padding: 1rem; } h1 { font-size: 1.35rem; } .narrow-only { display: block; } .wide-only { display: none; }
          dl { grid-template-columns: repeat(2, 1fr); } td.text { min-width: 11rem; } }
        @media print { .narrow-only { display: none; } .wide-only { display: block; } * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          html { font-size: 11.5px; } main { max-width: none; padding: 0; } h2 { margin-top: 1.4rem; } td.text { min-width: 8rem; }
          .wide { overflow: visible; } th, td { padding-right: .7rem; } h2, h3, p.note, thead { break-after: avoid; }
          figure, tr, .photos, dl div, section:has(> figure), section:has(> .row) { break-inside: avoid; } .row { grid-template-columns: repeat(5, 1fr); } .row.large { grid-template-columns: repeat(3, 1fr); }
          .photos { grid-template-columns: repeat(12, 1fr); } }
        """
}

/// Text as HTML.
func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "&": result += "&amp;"
        case "<": result += "&lt;"
        case ">": result += "&gt;"
        case "\"": result += "&quot;"
        case "'": result += "&#39;"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
