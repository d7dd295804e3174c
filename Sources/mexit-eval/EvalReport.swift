import MExitCalibration
import MExitCommand

/// What `mexit-eval` prints; `--json` with keys in snake case.
struct EvalReport: Encodable {
    let model: String
    let data: String
    let samples: Int
    /// Images that did not decode and were left out.
    let skipped: Int
    let threads: Int
    let classNames: [String]
    let anytime: AnytimeEvaluation
    let policies: [PolicyEvaluation]

    private enum CodingKeys: String, CodingKey {
        case model, data, samples, skipped, threads, classes, exits, policies, oracleAccuracy, oracleMacs, overthinking, wasteful
    }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(model, forKey: .model)
        try fields.encode(data, forKey: .data)
        try fields.encode(samples, forKey: .samples)
        try fields.encode(skipped, forKey: .skipped)
        try fields.encode(threads, forKey: .threads)
        try fields.encode(classNames, forKey: .classes)
        try fields.encode(anytime.exits, forKey: .exits)
        try fields.encode(anytime.oracleAccuracy, forKey: .oracleAccuracy)
        try fields.encode(anytime.oracleMACs, forKey: .oracleMacs)
        try fields.encode(anytime.overthinking, forKey: .overthinking)
        try fields.encode(anytime.wasteful, forKey: .wasteful)
        try fields.encode(policies, forKey: .policies)
    }

    func text() -> String {
        var text = "\(data): \(samples) images" + (skipped > 0 ? ", \(skipped) more skipped because they do not decode" : "") + "\n\n"
        var table = TextTable([
            .init("exit"), .init("accuracy %"), .init("MACs"), .init("FLOPs"), .init("ms/image"), .init("ECE %"), .init("right first here"),
            .init("right here, wrong at the end"),
        ])
        for exit in anytime.exits {
            table.append([
                String(exit.exit), percent(exit.accuracy), SINumber.format(exit.macs), SINumber.format(exit.flops),
                SINumber.fixed(exit.secondsPerImage * 1000, digits: 3), percent(exit.ece), String(exit.firstCorrect), String(exit.overthought),
            ])
        }
        text += table.render()
        text += "\nright at some exit, wrong at the last: \(percent(anytime.overthinking)) %; right at the last and before it: \(percent(anytime.wasteful)) %\n"
        text += "a perfect choice of exits: \(percent(anytime.oracleAccuracy)) % at \(SINumber.format(anytime.oracleMACs)) MACs\n"
        var confusions = TextTable([.init("exit"), .init("confused most often (true class for the class named: images)", .left)])
        func name(_ label: Int) -> String { classNames.indices.contains(label) ? classNames[label] : "\(label)" }
        for exit in anytime.exits {
            confusions.append([
                String(exit.exit), exit.mostConfused(4).map { "\(name($0.truth)) for \(name($0.label)): \($0.count)" }.joined(separator: ", "),
            ])
        }
        text += "\n" + confusions.render()
        guard !policies.isEmpty else { return text }
        var rows = TextTable([
            .init("policy", .left), .init("accuracy %", .right), .init("mean MACs", .right), .init("saved %", .right),
            .init("ms/image", .right), .init("images/s", .right), .init("left at exit, %", .left),
        ])
        for policy in policies {
            rows.append([
                policy.policy, percent(policy.accuracy), SINumber.format(policy.meanMACs), percent(policy.savedShare),
                SINumber.fixed(policy.secondsPerImage * 1000, digits: 3), SINumber.fixed(policy.imagesPerSecond, digits: 0),
                policy.exits.map { "\($0.exit): \(SINumber.fixed(100 * $0.share, digits: 1))" }.joined(separator: "  "),
            ])
        }
        return text + "\n" + rows.render()
    }

    private func percent(_ share: Double) -> String { SINumber.fixed(100 * share, digits: 2) }
}
