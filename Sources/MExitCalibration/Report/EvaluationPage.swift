/// What a model does on a data set, as a page: one HTML file without script, nothing from the network.
public struct EvaluationPage {
    public var model: String
    public var data: String
    public var samples: Int
    public var classNames: [String]
    public var anytime: AnytimeEvaluation
    public var policies: [PolicyEvaluation]

    public init(model: String, data: String, samples: Int, classNames: [String], anytime: AnytimeEvaluation, policies: [PolicyEvaluation]) {
        self.model = model
        self.data = data
        self.samples = samples
        self.classNames = classNames
        self.anytime = anytime
        self.policies = policies
    }

    public func render() -> String {
        var page = HTMLPage(title: "Evaluation of \(model)")
        page.facts = [
            ("Data", data), ("Samples", "\(samples)"), ("Exits", "\(anytime.exits.count)"),
            ("Overthinking", "\(percentText(anytime.overthinking, digits: 2)) right early, wrong at the end"),
            ("Perfect choice of exits", "\(percentText(anytime.oracleAccuracy, digits: 2)) at \(costText(anytime.oracleMACs)) MACs"),
        ]
        page.append("Accuracy against cost", note: "The line: every sample takes the same exit. Dots: policies, with exits that were really taken.", chart())
        page.append("Exits", HTMLPage.table(
            ["exit", "accuracy", "MACs", "ms per image", "ECE", "right first here", "right here, wrong at the end"],
            anytime.exits.map {
                [
                    "\($0.exit)", percentText($0.accuracy, digits: 2), costText(Double($0.macs)), number($0.secondsPerImage * 1000),
                    percentText($0.ece, digits: 2), "\($0.firstCorrect)", "\($0.overthought)",
                ]
            }))
        if !policies.isEmpty {
            page.append("Policies", HTMLPage.table(
                ["policy", "accuracy", "MACs", "saved", "images per second"],
                policies.map {
                    [
                        $0.policy, percentText($0.accuracy, digits: 2), costText($0.meanMACs), percentText($0.savedShare),
                        "\(Int($0.imagesPerSecond.rounded()))",
                    ]
                }))
            page.append("Where samples leave", ShareBars(rows: policies.map { ($0.policy, $0.exits.map(\.share)) }).svg("Share of samples per exit, for each policy"))
        }
        page.append(
            "Reliability", note: "How often an exit is right (height) when it gives a probability (from left to right), at temperature 1.",
            "<div class=\"row\">" + anytime.exits.map {
                ReliabilityDiagram(title: "Exit \($0.exit)", caption: "ECE \(percentText($0.ece, digits: 2))", reliability: $0.reliability, other: nil).svg()
            }.joined(separator: "\n") + "</div>")
        page.append("Confusion", note: "What each exit takes for what most often.", confusions())
        return page.render()
    }

    private func chart() -> String {
        LineChart(
            series: [
                LineChart.Series(
                    name: "exits, taken by all", colour: 0, points: anytime.exits.map { (Double($0.macs), $0.accuracy) }, marks: true,
                    names: anytime.exits.map { "\($0.exit)" }),
                LineChart.Series(
                    name: "policies", colour: 1, points: policies.map { ($0.meanMACs, $0.accuracy) }, joins: false, marks: true,
                    names: policies.count <= 12 ? policies.map(\.policy) : []),
            ].filter { !$0.points.isEmpty },
            xTitle: "multiply-adds per sample", yTitle: "accuracy", xText: costText, yText: { percentText($0) }
        ).svg("Accuracy against multiply-adds per sample")
    }

    /// The pairs of classes that an exit confuses most: a whole matrix per exit is in the JSON.
    private func confusions() -> String {
        func name(_ label: Int) -> String { classNames.indices.contains(label) ? classNames[label] : "\(label)" }
        let rows = anytime.exits.map { exit in
            var pairs: [(truth: Int, label: Int, count: Int)] = []
            for (truth, row) in exit.confusion.enumerated() {
                for (label, count) in row.enumerated() where label != truth && count > 0 { pairs.append((truth, label, count)) }
            }
            pairs.sort { ($1.count, $0.truth, $0.label) < ($0.count, $1.truth, $1.label) }
            return ["\(exit.exit)"] + pairs.prefix(5).map { "\(name($0.truth)) taken for \(name($0.label)): \($0.count)" }
        }
        return HTMLPage.table(["exit", "most often", "then", "then", "then", "then"], rows.map { $0 + Array(repeating: "", count: 6 - $0.count) })
    }
}
