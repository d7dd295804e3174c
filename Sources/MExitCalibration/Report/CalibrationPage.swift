import MExitData
import MExitIR
import MExitRuntime

extension CalibrationResult {
    /// The result as a page for people who would rather look than read: one HTML file without script, nothing from the network.
    ///
    /// - Parameters:
    ///   - model: the file's name.
    ///   - logits, data: what was calibrated on; example pictures come from there.
    /// - Throws: `DataError` when a picture cannot be encoded.
    public func page(model: String, logits: ExitLogits, data: DataSet) throws -> String {
        var page = HTMLPage(title: "Calibration of \(model)")
        page.lead = lead
        page.facts = [
            ("Data", self.data), ("Fingerprint", dataFingerprint), ("Samples", "\(samples)"), ("Exits", "\(exits.count)"),
            ("Whole network", "\(costText(Double(exits.last?.macs ?? 0))) MACs, \(percentText(exits.last?.accuracy ?? 0, digits: 2)) right"),
        ]
        page.append(
            "Accuracy against cost",
            note: "Lines: accuracy on the calibration samples when the thresholds of each method may cost so much. Dots: the operating points, with the accuracy and cost to be expected on new data, and every exit taken by all samples.",
            accuracyChart())
        page.append("Operating points", HTMLPage.table(
            ["name", "expected MACs", "saved", "expected accuracy", "measure", "wish", "how sure that is"], points.map(pointRow)))
        if points.contains(where: { !$0.shares.isEmpty }) {
            page.append(
                "Where samples leave", note: "Share of the samples that leave at each exit.",
                ShareBars(rows: points.map { ($0.name, $0.shares) }).svg("Share of samples per exit, for each operating point"))
        }
        page.append(
            "Reliability", note: "How often an exit is right (height) when it gives a probability (from left to right). Bars: at the fitted temperature, strong where there are many samples; line: before. On the diagonal, an exit is as sure as it should be.",
            "<div class=\"row\">" + exits.map { exit in
                ReliabilityDiagram(
                    title: "Exit \(exit.exit)",
                    caption: "temperature \(number(exit.scaling.temperature)), ECE \(percentText(exit.eceBefore, digits: 2)) before, \(percentText(exit.eceAfter, digits: 2)) after",
                    reliability: exit.reliabilityAfter, other: exit.reliabilityBefore
                ).svg()
            }.joined(separator: "\n") + "</div>")
        if let point = points.first, let measure = ConfidenceMeasure(rawValue: point.policy.measure) {
            let outcomes = ExitOutcomes(logits, measure: measure, temperatures: point.temperatures)
            let photos = ExamplePhotos(data: data, exits: outcomes.exits(thresholds: point.thresholds), outcomes: outcomes)
            page.append("Examples", note: "At operating point \(point.name).", try photos.html())
        }
        page.append("Thresholds", note: "A sample leaves at the first exit whose certainty is at least its threshold. At 2 nobody leaves. Under patience it is how many exits must agree.",
            HTMLPage.table(
                ["name", "measure"] + exits.dropLast().map { "exit \($0.exit)" } + ["temperatures"],
                points.map { point in
                    [point.name, point.policy.measure] + point.thresholds.map { number($0) } + [point.temperatures.map { number($0) }.joined(separator: " ")]
                }))
        let compared = points.filter { !$0.comparison.isEmpty }
        if !compared.isEmpty {
            let methods = CalibrationMethod.allCases.filter { method in compared.contains { $0.comparison.contains { $0.method == method } } }
            page.append(
                "Methods compared",
                note: "Accuracy at the cost of each operating point, by cross-validation: of samples that the thresholds were not chosen on; in brackets that of the samples they were chosen on. geometric is MSDNet's method, shared one threshold for all exits.",
                HTMLPage.table(
                    ["name", "MACs"] + methods.map(\.rawValue) + ["chosen", "why"],
                    compared.map { point in
                        [point.name, costText(point.comparison.first?.macs ?? 0)] + methods.map { method in
                            point.comparison.first { $0.method == method }.map { row in
                                (row.crossValidatedAccuracy.map { percentText($0, digits: 2) } ?? "-") + " (\(percentText(row.accuracy, digits: 2)))"
                            } ?? ""
                        } + [point.method.rawValue, point.reason]
                    }))
        }
        return page.render()
    }

    /// The first point in a sentence.
    private var lead: String {
        guard let point = points.first, let whole = exits.last, whole.macs > 0 else { return "" }
        let saved = percentText(1 - point.expectedMacs / Double(whole.macs))
        return "At the operating point \(point.name) the model does \(saved) fewer multiply-adds than the whole network and is expected to be right on \(percentText(point.expectedAccuracy, digits: 2)) of images like these; the whole network is on \(percentText(whole.accuracy, digits: 2))."
    }

    private func accuracyChart() -> String {
        let shown: [CalibrationMethod] = [.confidence, .entropy, .margin, .geometric]
        var series = shown.enumerated().compactMap { colour, method in
            curves.first { $0.method == method }.map { curve in
                LineChart.Series(
                    name: method.rawValue, colour: colour, points: zip(curve.macs, curve.accuracy).map { ($0, $1) }, isFaint: method == .geometric)
            }
        }
        series.append(LineChart.Series(
            name: "exits, taken by all", colour: 5, points: exits.map { (Double($0.macs), $0.accuracy) }, joins: false, marks: true,
            names: exits.map { "\($0.exit)" }))
        // A family of points crowds the picture: only its ends are named.
        let isNamed = points.map { point in !point.isOfSweep || point.name == points.first(where: \.isOfSweep)?.name || point.name == points.last(where: \.isOfSweep)?.name }
        series.append(LineChart.Series(
            name: "operating points", colour: 4, points: points.map { ($0.expectedMacs, $0.expectedAccuracy) }, joins: false, marks: true,
            names: zip(points, isNamed).map { $1 ? $0.name : "" }))
        return LineChart(series: series, xTitle: "multiply-adds per sample", yTitle: "accuracy", xText: tickText, yText: { percentText($0) })
            .svg("Accuracy against multiply-adds per sample")
    }

    private func pointRow(_ point: OperatingPoint) -> [String] {
        let whole = Double(max(exits.last?.macs ?? 1, 1))
        let evidence: String
        if let risk = point.risk {
            evidence = "proved with confidence \(risk.confidence) by \(risk.test.rawValue); seen \(percentText(risk.observed, digits: 2)) on \(risk.testSamples) samples"
        } else {
            evidence = "estimate by cross-validation"
        }
        return [
            point.name, costText(point.expectedMacs), percentText(1 - point.expectedMacs / whole),
            percentText(point.expectedAccuracy, digits: 2), point.method.rawValue, point.wish, evidence,
        ]
    }
}

/// Multiply-adds with two digits behind the point: `8.25M`, `9.10M`.
func costText(_ macs: Double) -> String { costText(macs, digits: 2) }

/// As ticks have it: `8.0M`.
func tickText(_ macs: Double) -> String { costText(macs, digits: 1) }

private func costText(_ macs: Double, digits: Int) -> String {
    for (scale, suffix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] where macs >= scale { return fixed(macs / scale, digits: digits) + suffix }
    return fixed(macs, digits: digits)
}

/// With this many digits behind the point, of numbers below 2^53 / 10^digits.
func fixed(_ value: Double, digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let rounded = (value * scale).rounded() / scale
    var text = "\(rounded == 0 ? 0 : rounded)"
    // 12.0 is "12.0", 12.25 with two digits "12.25", 12.5 with two "12.50".
    if let point = text.firstIndex(of: ".") {
        let have = text.distance(from: point, to: text.endIndex) - 1
        if have < digits { text += String(repeating: "0", count: digits - have) }
    }
    return text
}

/// Four digits behind the point.
func number(_ value: Double) -> String { "\((value * 10_000).rounded() / 10_000)" }
