/// A run as one HTML page: no scripts, nothing loaded from anywhere.
struct HTMLReport {
    let history: TrainingHistory

    /// The page.
    var text: String {
        let facts = history.facts
        let title = "\(facts.architecture) on \(facts.data)"
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>\(HTML.escape(title))</title>
            <meta name="viewport" content="width=device-width">
            <style>\(HTMLReport.style)</style></head><body>
            <h1>\(HTML.escape(title))</h1>
            \(summary)<h2>Exits</h2>
            \(table)<h2>Curves</h2>
            <div class="charts">
            \(charts)</div>
            <h2>Conflicts between exits</h2>
            \(conflicts)<h2>Command</h2>
            <pre>\(HTML.escape(facts.command))</pre>
            <p>\(HTML.escape(facts.producer)); images \(HTML.escape(facts.dataFingerprint))</p>
            </body></html>

            """
    }

    private static let style = """
        :root{color-scheme:light dark;--text:#222;--page:#fff;--line:#ddd;--soft:#f5f5f5}
        @media (prefers-color-scheme:dark){:root{--text:#ddd;--page:#181a1b;--line:#444;--soft:#232627}polyline,circle,.legend i{filter:brightness(1.5)}}
        @media print{:root{--text:#000;--page:#fff;--line:#ccc;--soft:#f5f5f5}figure{break-inside:avoid}h2,h3{break-after:avoid}*{print-color-adjust:exact}}
        body{font:15px/1.5 system-ui,sans-serif;max-width:1180px;margin:2em auto;padding:0 1em;color:var(--text);background:var(--page)}
        h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid var(--line)}h3{font-size:1em;margin:1.5em 0 .3em}
        table{border-collapse:collapse;font-variant-numeric:tabular-nums}td,th{padding:.2em .9em;text-align:right;border-bottom:1px solid var(--line)}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(440px,1fr));gap:1em}figure{margin:0 0 1em}figure.map{display:inline-block;margin-right:2em;overflow-x:auto}
        figcaption{font-weight:600}.map figcaption{font-weight:400}svg{width:100%;max-width:100%;font:11px system-ui,sans-serif;fill:var(--text)}
        .cell{fill:#222}.grid{stroke:var(--line)}polyline{fill:none;stroke-width:1.6}.end{text-anchor:end}.middle{text-anchor:middle}
        .legend span{margin-right:1em}.legend i{display:inline-block;width:1em;height:.6em;margin-right:.3em}
        .scale{font-weight:400;font-size:.8em;margin-left:1em}.scale i{display:inline-block;width:8em;height:.8em;vertical-align:middle}
        pre{white-space:pre-wrap;background:var(--soft);padding:.8em}
        """

    private var summary: String {
        let (facts, run) = (history.facts, history.run)
        let speed = history.epochs.last.map { ", \(HTML.number($0.imagesPerSecond, digits: 0)) images/s" } ?? ""
        return "<p>\(history.epochs.last?.epoch ?? 0) of \(run.epochs) epochs; \(run.trainingImages) images to train on, "
            + "\(run.validationImages) held out, \(facts.classes) classes; \(facts.parameters) parameters; "
            + "batches of \(run.batchSize); seed \(facts.seed); \(facts.threads) thread\(facts.threads == 1 ? "" : "s")\(speed)</p>\n"
    }

    private var table: String {
        guard let last = history.epochs.last else { return "<p>No epoch has ended yet.</p>\n" }
        let held = !last.validationAccuracy.isEmpty
        var out = "<table><tr><th>exit</th><th>million MACs</th>"
        out += held ? "<th>validation accuracy</th><th>best, epoch</th><th>validation loss</th>" : ""
        out += "<th>training accuracy</th><th>training loss</th></tr>\n"
        for (exit, macs) in history.facts.macs.enumerated() {
            out += "<tr><td>\(exit)</td><td>\(HTML.fixed(Double(macs) / 1e6, digits: 2))</td>"
            if held {
                let best = history.epochs.max { accuracy($0, exit) < accuracy($1, exit) }
                out += "<td>\(percent(accuracy(last, exit)))</td><td>\(percent(best.map { accuracy($0, exit) } ?? 0)), \(best?.epoch ?? 0)</td>"
                out += "<td>\(HTML.fixed(value(last.validationLoss, exit), digits: 4))</td>"
            }
            out += "<td>\(percent(value(last.trainAccuracy, exit)))</td><td>\(HTML.fixed(value(last.loss, exit), digits: 4))</td></tr>\n"
        }
        return out + "</table>\n"
    }

    private func value(_ values: [Double], _ exit: Int) -> Double { values.indices.contains(exit) ? values[exit] : .nan }
    private func accuracy(_ epoch: EpochLine, _ exit: Int) -> Double { value(epoch.validationAccuracy, exit) }
    private func percent(_ share: Double) -> String { HTML.fixed(100 * share, digits: 2) + " %" }

    private var charts: String {
        let epochs = history.epochs.map(\.epoch)
        func perExit(_ title: String, percent: Bool = false, _ value: (EpochLine) -> [Double]) -> String {
            let series = history.curves(value).enumerated().map { (name: "exit \($0)", values: $1) }
            return SVGChart(title: title, series: series, epochs: epochs, percent: percent).text
        }
        return perExit("Validation accuracy", percent: true, \.validationAccuracy)
            + perExit("Validation loss", \.validationLoss)
            + perExit("Training accuracy (augmented images, weights changing)", percent: true, \.trainAccuracy)
            + perExit("Training loss", \.loss)
            + SVGChart(title: "Learning rate at the end of the epoch", series: [("learning rate", history.epochs.map(\.lr))], epochs: epochs).text
    }
}
