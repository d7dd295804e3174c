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
        page.lead = lead
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
                    "\($0.exit)", percentText($0.accuracy, digits: 2), costText(Double($0.macs)), fixed($0.secondsPerImage * 1000, digits: 3),
                    percentText($0.ece, digits: 2), "\($0.firstCorrect)", "\($0.overthought)",
                ]
            }))
        if !policies.isEmpty {
            page.append("Policies", HTMLPage.table(
                ["policy", "accuracy", "MACs", "saved", "ms per image", "images per second"],
                policies.map {
                    [
                        $0.policy, percentText($0.accuracy, digits: 2), costText($0.meanMACs), percentText($0.savedShare),
                        fixed($0.secondsPerImage * 1000, digits: 3), "\(Int($0.imagesPerSecond.rounded()))",
                    ]
                }))
            page.append("Where samples leave", ShareBars(rows: policies.map { (shownName($0), $0.exits.map(\.share)) }).svg("Share of samples per exit, for each policy"))
        }
        page.append(
            "Reliability", note: "How often an exit is right (height) when it gives a probability (from left to right), at temperature 1.",
            "<div class=\"row\">" + anytime.exits.map {
                ReliabilityDiagram(title: "Exit \($0.exit)", caption: "ECE \(percentText($0.ece, digits: 2))", reliability: $0.reliability, other: nil).svg()
            }.joined(separator: "\n") + "</div>")
        if let classes = anytime.exits.first?.confusion.count, classes <= ConfusionMap.mostClasses {
            page.append(
                "Confusion", note: "Rows are true classes, columns what the exit takes them for. Blue: right. Red: wrong, strong where it happens often.",
                "<div class=\"row large\">" + anytime.exits.map {
                    ConfusionMap(title: "Exit \($0.exit)", counts: $0.confusion, classNames: classNames).svg()
                }.joined(separator: "\n") + "</div>")
        }
        page.append("Confused most often", confusions())
        return page.render()
    }

    /// The policy that costs least of those at most 0.3 points below the last exit, in a sentence.
    private var lead: String {
        guard let last = anytime.exits.last, last.macs > 0 else { return "" }
        let whole = "The whole network is right on \(percentText(last.accuracy, digits: 2)) of the images at \(costText(Double(last.macs))) multiply-adds each."
        let good = policies.filter { $0.accuracy >= last.accuracy - 0.003 && $0.meanMACs < Double(last.macs) }
        guard let best = good.min(by: { $0.meanMACs < $1.meanMACs }) else { return whole }
        return whole + " With \(best.policy) it is right on \(percentText(best.accuracy, digits: 2)), with \(percentText(best.savedShare)) of the multiply-adds saved."
    }

    /// Operating points without `calibrated:`, where room is scarce.
    private func shownName(_ policy: PolicyEvaluation) -> String {
        policy.policy.hasPrefix("calibrated:") ? String(policy.policy.dropFirst(11)) : policy.policy
    }

    private func chart() -> String {
        func series(_ name: String, _ colour: Int, _ members: [PolicyEvaluation], joins: Bool) -> LineChart.Series {
            let sorted = joins ? members.sorted { $0.meanMACs < $1.meanMACs } : members
            return LineChart.Series(
                name: name, colour: colour, points: sorted.map { ($0.meanMACs, $0.accuracy) }, joins: joins, marks: true,
                names: sorted.map(shownName))
        }
        func isExact(_ policy: PolicyEvaluation) -> Bool { policy.policy.hasPrefix("exact:") }
        func isOfSweep(_ policy: PolicyEvaluation) -> Bool { policy.policy.hasPrefix("calibrated:sweep-") }
        var sweep = series("calibrated sweep", 2, policies.filter(isOfSweep), joins: true)
        if sweep.names.count > 2 { for index in 1..<sweep.names.count - 1 { sweep.names[index] = "" } }
        var exact = series("budgets kept exactly", 3, policies.filter(isExact), joins: true)
        exact.names = []
        return LineChart(
            series: [
                LineChart.Series(
                    name: "exits, taken by all", colour: 0, points: anytime.exits.map { (Double($0.macs), $0.accuracy) }, isFaint: true, marks: true,
                    names: anytime.exits.map { "\($0.exit)" }),
                sweep, exact, series("policies", 1, policies.filter { !isExact($0) && !isOfSweep($0) }, joins: false),
            ].filter { !$0.points.isEmpty },
            xTitle: "multiply-adds per sample", yTitle: "accuracy", xText: tickText, yText: { percentText($0) }
        ).svg("Accuracy against multiply-adds per sample")
    }

    /// The pairs of classes that an exit confuses most.
    private func confusions() -> String {
        func name(_ label: Int) -> String { classNames.indices.contains(label) ? classNames[label] : "\(label)" }
        let rows = anytime.exits.map { exit in
            ["\(exit.exit)"] + exit.mostConfused(5).map { "\(name($0.truth)) for \(name($0.label)): \($0.count)" }
        }
        return HTMLPage.table(["exit", "most often", "then", "then", "then", "then"], rows.map { $0 + Array(repeating: "", count: 6 - $0.count) })
    }
}
