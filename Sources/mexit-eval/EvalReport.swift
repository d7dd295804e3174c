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
    let exits: [ExitEvaluation]
    let policies: [PolicyEvaluation]

    func text() -> String {
        var text = "\(data): \(samples) images" + (skipped > 0 ? ", \(skipped) more skipped because they do not decode" : "") + "\n\n"
        var table = TextTable([.init("exit", .right), .init("accuracy %", .right), .init("MACs", .right), .init("FLOPs", .right)])
        for exit in exits {
            table.append([String(exit.exit), percent(exit.accuracy), SINumber.format(exit.macs), SINumber.format(exit.flops)])
        }
        text += table.render()
        guard !policies.isEmpty else { return text }
        var rows = TextTable([
            .init("policy", .left), .init("accuracy %", .right), .init("mean MACs", .right), .init("saved %", .right),
            .init("images/s", .right), .init("left at exit, %", .left),
        ])
        for policy in policies {
            rows.append([
                policy.policy, percent(policy.accuracy), SINumber.format(policy.meanMACs), percent(policy.savedShare),
                SINumber.fixed(policy.imagesPerSecond, digits: 0),
                policy.exits.map { "\($0.exit): \(SINumber.fixed(100 * $0.share, digits: 1))" }.joined(separator: "  "),
            ])
        }
        return text + "\n" + rows.render()
    }

    private func percent(_ share: Double) -> String { SINumber.fixed(100 * share, digits: 2) }
}
