import Foundation
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

@testable import MExitTraining

@Suite struct HTMLReportTests {
    private let facts = MetricsFile.Facts(
        producer: "test", command: "train --arch <mine> & \"more\"", architecture: "micro", data: "textures", dataFingerprint: "0", classes: 3,
        parameters: 10, macs: [1_000_000, 2_500_000, 4_000_000], seed: 5, threads: 1)
    private let run = RunReport(epochs: 9, stepsPerEpoch: 10, batchSize: 4, trainingImages: 40, validationImages: 8, firstStep: 0)

    private func epoch(_ number: Int, conflicts: Int = 3) -> EpochLine {
        func tally(_ exit: Int) -> ExitTally {
            var tally = ExitTally()
            tally.lossSum = 10 / Double(number + exit)
            tally.correct = min(8, number + exit)
            tally.seen = 8
            return tally
        }
        var statistics = ConflictStatistics(blocks: [("layer<1>", [[0, 1, 2], [0, 1]]), ("layer2", [[1, 2]])])
        var gram = GramMatrix(size: 3)
        for i in 0..<3 { gram[i, i] = 1 }
        (gram[0, 1], gram[0, 2], gram[1, 2]) = (-0.5, 0.25, 0.75)
        for _ in 0..<conflicts { statistics.add(gram, block: 0, places: statistics.places(of: [0, 1, 2], block: 0)) }
        let tallies = (0..<3).map(tally)
        return EpochLine(
            EpochReport(
                epoch: number, step: 10 * number, learningRate: 0.1 / Double(number), training: tallies, validation: tallies,
                imagesPerSecond: 123, conflicts: statistics))
    }

    private func history(_ epochs: Int) -> TrainingHistory {
        var history = TrainingHistory(facts: facts, run: run)
        for number in 1..<epochs + 1 { history.add(epoch(number)) }
        return history
    }

    private func graphics(_ page: String) -> [String] {
        page.components(separatedBy: "<svg").dropFirst().map { "<svg" + ($0.components(separatedBy: "</svg>").first ?? "") + "</svg>" }
    }

    @Test(arguments: [0, 1, 2, 9, 250]) func isWholeWithoutScriptsOrLinks(epochs: Int) {
        let page = HTMLReport(history: history(epochs)).text
        #expect(page.hasPrefix("<!DOCTYPE html>") && page.hasSuffix("</html>\n"))
        for absent in ["http", "<script", "src=", "href=", "nan", "<mine>", "layer<1>"] { #expect(!page.contains(absent), "\(absent)") }
        #expect(page.contains("--arch &lt;mine&gt; &amp; &quot;more&quot;"))
        let graphics = graphics(page)
        // Five charts, up to four maps of pairs at a time and as many of cosines, two of blocks.
        #expect(graphics.count == (epochs == 0 ? 0 : 5 + 2 * min(4, epochs) + 2))
        for graphic in graphics { #expect(XMLParser(data: Data(graphic.utf8)).parse(), "\(graphic.prefix(300))") }
    }

    @Test func showsTheNumbers() {
        let page = HTMLReport(history: history(4)).text
        // Exit 2 in epoch 4: 6 of 8 right.
        #expect(page.contains("<td>2</td><td>4.00</td><td>75.00 %</td><td>75.00 %, 4</td>"))
        #expect(page.contains("<title>exit 1, epoch 3: 50 %</title>"))
        #expect(page.contains("<title>exit 0, 1: 100 %</title>") && page.contains("<title>exit 0, 2: 0 %</title>"))
        #expect(page.contains("<title>exit 0, 1: -0.5</title>") && page.contains("<title>exit 2, 1: 0.75</title>"))
        // A block's pairs together: one of three in conflict.
        #expect(page.contains("<title>layer&lt;1&gt;, 4: 33.3 %</title>"))
        #expect(page.components(separatedBy: "<polyline").count == 4 * 3 + 1 + 1)
    }

    @Test func withoutConflictsOrValidationItSaysSo() {
        var history = TrainingHistory(facts: facts, run: run)
        var line = epoch(1)
        line.conflicts = []
        line.validationAccuracy = []
        line.validationLoss = []
        history.add(line)
        let page = HTMLReport(history: history).text
        #expect(page.contains("Not measured") && !page.contains("validation accuracy"))
    }

    @Test func aResumedRunTakesItsPastFromTheMetrics() throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let lines = try [1, 2, 3].map { String(decoding: try encoder.encode(epoch($0)), as: UTF8.self) }
        var resumed = run
        resumed.firstStep = 20
        var history = TrainingHistory(facts: facts, run: resumed)
        // The third epoch was lost with the state; a killed run leaves half a line.
        history.addEpochs(ofMetrics: (lines + [#"{"type":"run"}"#, String(lines[0].prefix(50))]).joined(separator: "\n"))
        #expect(history.epochs.map(\.epoch) == [1, 2])
        #expect(history.epochs[1].conflicts.map(\.block) == ["layer<1>", "layer2"] && history.epochs[1].loss.count == 3)
        history.add(epoch(3))
        history.add(epoch(2))
        #expect(history.epochs.map(\.epoch) == [1, 2], "an epoch trained again takes the place of what followed")
    }

    @Test func ticksAreRoundAndCover() {
        for (low, high) in [(0.0, 1.0), (0.31, 0.87), (-3, 4), (1e-6, 2e-5), (99.5, 1234), (5, 5)] as [(Double, Double)] {
            let ticks = SVGChart.ticks(low, high)
            #expect(ticks.count >= 1 && ticks.count <= 9, "\(ticks)")
            if low < high { #expect(ticks[0] <= low + 1e-12 && ticks[ticks.count - 1] >= high - 1e-12 && ticks.count >= 4, "\(low) \(high): \(ticks)") }
        }
        #expect(HTML.number(12.5) == "12.5" && HTML.number(-0.001) == "0" && HTML.number(3) == "3" && HTML.number(0.056, digits: 3) == "0.056")
        #expect(HTML.fixed(75, digits: 2) == "75.00" && HTML.fixed(1.5, digits: 4) == "1.5000" && HTML.fixed(.nan, digits: 2) == "nan")
        #expect(HTML.number(.nan) == "nan" && HTML.number(1e300) == "1e+300")
    }
}
