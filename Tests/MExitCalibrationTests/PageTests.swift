import Foundation
import MExitData
import MExitRuntime
import Testing
import _MExitTestSupport

@testable import MExitCalibration

/// Pages stand alone, hold what they should, and no text of a file can break out of its place.
@Suite struct PageTests {
    private func data(_ logits: ExitLogits) throws -> DataSet {
        try DataSet(
            name: "<made-up> & \"quoted\"", classNames: ["<script>alert(1)</script>", "b", "c", "d", "e"], channels: 3,
            size: ImageSize(height: 4, width: 4), labels: logits.labels, pixels: (0..<logits.count * 48).map { UInt8(truncatingIfNeeded: $0) })
    }

    /// Tags open and close in order; void elements and the doctype set aside.
    private func isBalanced(_ html: String) -> Bool {
        var open: [Substring] = []
        for piece in html.split(separator: "<").dropFirst(0) {
            guard let end = piece.firstIndex(of: ">") else { continue }
            let tag = piece[..<end]
            let name = tag.prefix { $0.isLetter || $0.isNumber || $0 == "/" || $0 == "!" }
            if name.hasPrefix("!") || name == "meta" || name == "link" || name == "br" || name == "img" || tag.hasSuffix("/") { continue }
            if name.hasPrefix("/") {
                if open.popLast() != name.dropFirst() { return false }
            } else if !name.isEmpty {
                open.append(name)
            }
        }
        return open.isEmpty
    }

    private func expectAlone(_ html: String, sourceLocation: SourceLocation = #_sourceLocation) {
        for word in ["<script", "http:", "https:", "url(", "@import", "onload", " nan", ">nan", "\"nan", "inf\""] {
            #expect(!html.contains(word), "\(word)", sourceLocation: sourceLocation)
        }
        #expect(html.hasPrefix("<!DOCTYPE html>") && isBalanced(html), sourceLocation: sourceLocation)
    }

    @Test func aCalibration() throws {
        let logits = try syntheticLogits(count: 400)
        let result = try Calibrator(logits).run([(.macs(2600), "<b>"), (.belowFull(0.02), nil)])
        let html = try result.page(model: "m&m.mexit", logits: logits, data: try data(logits))
        expectAlone(html)
        for part in ["m&amp;m.mexit", "&lt;b&gt;", "fewer multiply-adds", "Methods compared", "estimate by cross-validation", "full-0.02", "Reliability", "Exit 3", "data:image/png;base64,", "&lt;script&gt;", "geometric", "<svg"] {
            #expect(html.contains(part), "\(part)")
        }
    }

    @Test func anEvaluation() throws {
        let logits = try syntheticLogits(count: 200)
        var counter = AnytimeCounter(exits: 4, classes: 5)
        for sample in 0..<200 {
            var correct: [Bool] = []
            for exit in 0..<4 {
                let row = logits.values[exit][sample * 5..<sample * 5 + 5]
                let label = row.indices.max { row[$0] < row[$1] }.map { $0 - sample * 5 } ?? 0
                counter.add(exit: exit, truth: Int(logits.labels[sample]), label: label, probability: 0.5)
                correct.append(label == logits.labels[sample])
            }
            counter.finish(correct[...])
        }
        let anytime = counter.evaluation(exits: [0, 1, 2, 3], macs: logits.macs, flops: logits.macs, seconds: [1, 1, 1, 1])
        let page = EvaluationPage(model: "<m>", data: "d", samples: 200, classNames: ["<i>", "b", "c", "d", "e"], anytime: anytime, policies: [])
        let html = page.render()
        expectAlone(html)
        #expect(html.contains("&lt;m&gt;") && html.contains("taken for") && html.contains("&lt;i&gt;"))
        // A matrix per exit: its cells are all samples.
        #expect(html.components(separatedBy: "confusion of classes").count == 5)
    }

    @Test func axesHaveRoundTicks() {
        #expect(Axis([0.61, 0.83]).ticks.count <= 8)
        #expect(Axis([6.4e6, 18.3e6]).ticks == [6e6, 8e6, 10e6, 12e6, 14e6, 16e6, 18e6, 20e6])
        let flat = Axis([0.5])
        #expect(flat.low < 0.5 && flat.high > 0.5 && Axis([0, 0]).high > 0)
    }

    /// Names of points that lie close together do not cover each other.
    @Test func namesFindRoom() throws {
        let chart = LineChart(
            series: [
                LineChart.Series(
                    name: "s", colour: 0, points: (0..<6).map { (1 + 0.001 * Double($0), 1) } + [(2, 2)], marks: true,
                    names: (0..<7).map { "name number \($0)" })
            ], xTitle: "x", yTitle: "y", xText: { "\($0)" }, yText: { "\($0)" })
        for format in [LineChart.Format.wide, .narrow] {
            let places = chart.drawing(format, "d").split(separator: "\n").filter { $0.contains("class=\"name\"") }.map { line in
                line.split(separator: "\"").compactMap { Double($0) }
            }
            // On a phone a name without room is left to the mark's tip.
            #expect(format.width > 500 ? places.count == 7 : places.count >= 3, "\(places.count)")
            #expect(places.allSatisfy { $0.count == 2 && $0[0] >= format.left && $0[0] + 6.4 * 13 <= format.width })
            for (index, a) in places.enumerated() {
                for b in places[..<index] { #expect(abs(a[0] - b[0]) >= 6.4 * 13 - 0.2 || abs(a[1] - b[1]) >= 11.8, "\(a) \(b)") }
            }
        }
    }

    @Test func percentages() {
        #expect(percentText(0.1234) == "12.3 %" && percentText(0.125, digits: 2) == "12.50 %" && percentText(-0.00001) == "0.0 %")
    }
}
