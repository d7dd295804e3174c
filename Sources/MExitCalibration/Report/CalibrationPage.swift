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
        page.facts = [
            ("Data", self.data), ("Fingerprint", dataFingerprint), ("Samples", "\(samples)"), ("Exits", "\(exits.count)"),
            ("Whole network", "\(costText(Double(exits.last?.macs ?? 0))) MACs, \(percentText(exits.last?.accuracy ?? 0, digits: 2)) right"),
        ]
        page.append(
            "Accuracy against cost",
            note: "Lines: accuracy on the calibration samples when the thresholds of each method may cost so much. Dots: the operating points, with the accuracy and cost to be expected on new data, and every exit taken by all samples.",
            accuracyChart())
        page.append("Operating points", HTMLPage.table(
            ["name", "wish", "method", "expected MACs", "saved", "expected accuracy", "promise"], points.map(pointRow)))
        if points.contains(where: { !$0.shares.isEmpty }) {
            page.append(
                "Where samples leave", note: "Share of the samples that leave at each exit.",
                ShareBars(rows: points.map { ($0.name, $0.shares) }).svg("Share of samples per exit, for each operating point"))
        }
        page.append(
            "Reliability", note: "How often an exit is right (height) when it gives a probability (from left to right). Bars: at the fitted temperature; line: before. On the diagonal, an exit is as sure as it should be.",
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
        page.append("Thresholds", note: "A sample leaves at the first exit whose certainty is at least its threshold. A threshold above 1 lets nobody out. Under patience it is how many exits must agree.",
            HTMLPage.table(
                ["name", "measure"] + exits.dropLast().map { "exit \($0.exit)" } + ["temperatures"],
                points.map { point in
                    [point.name, point.policy.measure] + point.thresholds.map { number($0) } + [point.temperatures.map { number($0) }.joined(separator: " ")]
                }))
        for point in points where !point.comparison.isEmpty {
            page.append("Methods for \(point.name)", note: "\(point.wish). Chosen: \(point.method.rawValue); \(point.reason). Cross-validated figures are from samples that the thresholds were not chosen on.",
                HTMLPage.table(
                    ["method", "MACs", "accuracy", "cross-validated MACs", "cross-validated accuracy"],
                    point.comparison.map {
                        [
                            $0.method.rawValue, costText($0.macs), percentText($0.accuracy, digits: 2), $0.crossValidatedMacs.map(costText) ?? "",
                            $0.crossValidatedAccuracy.map { percentText($0, digits: 2) } ?? "",
                        ]
                    }))
        }
        return page.render()
    }

    private func accuracyChart() -> String {
        let shown: [CalibrationMethod] = [.confidence, .entropy, .margin, .geometric]
        var series = shown.enumerated().compactMap { colour, method in
            curves.first { $0.method == method }.map { curve in
                LineChart.Series(name: method.rawValue, colour: colour, points: zip(curve.macs, curve.accuracy).map { ($0, $1) })
            }
        }
        series.append(LineChart.Series(
            name: "exits, taken by all", colour: 5, points: exits.map { (Double($0.macs), $0.accuracy) }, joins: false, marks: true,
            names: exits.map { "\($0.exit)" }))
        series.append(LineChart.Series(
            name: "operating points", colour: 4, points: points.map { ($0.expectedMacs, $0.expectedAccuracy) }, joins: false, marks: true,
            names: points.count <= 12 ? points.map(\.name) : []))
        return LineChart(series: series, xTitle: "multiply-adds per sample", yTitle: "accuracy", xText: costText, yText: { percentText($0) })
            .svg("Accuracy against multiply-adds per sample")
    }

    private func pointRow(_ point: OperatingPoint) -> [String] {
        let whole = Double(max(exits.last?.macs ?? 1, 1))
        let promise = point.policy.promise.map { promise in
            let isCost = promise.quantity == .macs
            func show(_ value: Double) -> String { isCost ? costText(value) : percentText(value, digits: 2) }
            let sign = promise.quantity == .accuracy ? "at least" : "at most"
            return "\(promise.quantity.rawValue) \(sign) \(show(promise.limit)); "
                + (promise.confidence > 0 ? "bound \(show(promise.bound)) with confidence \(promise.confidence), by \(promise.method)" : "estimate \(show(promise.bound)), by \(promise.method)")
        }
        return [
            point.name, point.wish, point.method.rawValue, costText(point.expectedMacs), percentText(1 - point.expectedMacs / whole),
            percentText(point.expectedAccuracy, digits: 2), promise ?? "",
        ]
    }
}

/// Multiply-adds with two digits behind the point: `8.25M`.
func costText(_ macs: Double) -> String {
    for (scale, suffix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] where macs >= scale { return "\((macs / scale * 100).rounded() / 100)\(suffix)" }
    return "\((macs * 100).rounded() / 100)"
}

/// Four digits behind the point.
func number(_ value: Double) -> String { "\((value * 10_000).rounded() / 10_000)" }
