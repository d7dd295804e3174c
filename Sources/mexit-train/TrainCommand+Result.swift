import MExitCommand
import MExitIR
import MExitTraining

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What `--json` prints.
private struct ResultDocument: Encodable {
    struct Exit: Encodable {
        var exit: Int
        var macs: Int
        var validationAccuracy: Double?
        var validationLoss: Double?
    }
    var out: String
    var epochs: Int
    var seconds: Double
    var validationImages: Int
    var exits: [Exit]
}

extension TrainCommand {
    /// The table of exits, on stdout.
    func printResult(_ validation: [ExitTally], graph: Graph, seconds: Double) throws {
        let macs = Graph.cumulative(try graph.stageCosts()).map(\.macs)
        let exits = macs.indices.map { exit in
            ResultDocument.Exit(
                exit: exit, macs: macs[exit], validationAccuracy: validation.isEmpty ? nil : validation[exit].accuracy,
                validationLoss: validation.isEmpty ? nil : validation[exit].loss)
        }
        if output.json {
            let encoder = JSONEncoder()
            encoder.keyEncodingStrategy = .convertToSnakeCase
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            let document = ResultDocument(
                out: output.out, epochs: training.epochs.value, seconds: seconds, validationImages: validation.first?.seen ?? 0, exits: exits)
            try StandardOutput.write(String(decoding: try encoder.encode(document), as: UTF8.self) + "\n")
            return
        }
        var table = TextTable([.init("exit"), .init("MACs"), .init("validation accuracy"), .init("loss")])
        for exit in exits {
            table.append([
                "\(exit.exit)", SINumber.format(exit.macs), exit.validationAccuracy.map { SINumber.fixed(100 * $0, digits: 2) + " %" } ?? "-",
                exit.validationLoss.map { SINumber.fixed($0, digits: 4) } ?? "-",
            ])
        }
        try StandardOutput.write(table.render())
    }
}
