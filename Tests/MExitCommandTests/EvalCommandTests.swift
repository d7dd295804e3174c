import Foundation
import MExitIR
import Testing
import _MExitTestSupport

/// mexit-eval as a process.
@Suite struct EvalCommandTests {
    private let files: SmallFiles

    init() throws { files = try SmallFiles() }

    private func eval(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        try ChildProcess.run("mexit-eval", arguments)
    }

    private var usual: [String] { [files.path("small.mexit"), "--data", "idx:\(files.path("digits"))", "--threads", "1"] }

    @Test func jsonAddsUp() throws {
        let policies = ["last", "exit:0", "calibrated:half", "calibrated:late", "patience:1"]
        let result = try eval(usual + ["--json", "--batch", "7"] + policies.flatMap { ["--policy", $0] })
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let report = try jsonObject(result.output)
        #expect(report["samples"] as? Int == 30 && report["skipped"] as? Int == 0)
        let exits = try #require(report["exits"] as? [[String: Any]])
        let costs = Graph.cumulative(try files.model.graph.stageCosts())
        #expect(exits.compactMap { $0["macs"] as? Int } == costs.map(\.macs))
        #expect(exits.compactMap { $0["flops"] as? Int } == costs.map(\.flops))
        let results = try #require(report["policies"] as? [[String: Any]])
        #expect(results.compactMap { $0["policy"] as? String } == policies)
        for result in results {
            let shares = try #require(result["exits"] as? [[String: Any]]).compactMap { $0["share"] as? Double }
            let mean = zip(shares, costs).reduce(0) { $0 + $1.0 * Double($1.1.macs) }
            #expect(abs(try #require(result["mean_macs"] as? Double) - mean) < 1e-6 * mean)
            #expect(result["saved_share"] is Double && (result["images_per_second"] as? Double ?? 0) > 0)
        }
        #expect(results[0]["correct"] as? Int == exits[1]["correct"] as? Int)
        #expect(results[1]["correct"] as? Int == exits[0]["correct"] as? Int)
        #expect(results[3]["correct"] as? Int == exits[1]["correct"] as? Int)
    }

    /// Budgets that are never exceeded, and the page.
    @Test func budgetsAndReport() throws {
        let costs = Graph.cumulative(try files.model.graph.stageCosts()).map { Double($0.macs) }
        let budgets = [costs[0], (costs[0] + costs[1]) / 2, costs[1]]
        let page = files.path("page.html")
        let result = try eval(
            usual + ["--json", "--batch", "7", "--budget-mode", "exact", "--budget-macs", budgets.map { "\($0)" }.joined(separator: ","), "--report", page])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let report = try jsonObject(result.output)
        let policies = try #require(report["policies"] as? [[String: Any]])
        #expect(policies.count == 3 && policies.allSatisfy { ($0["policy"] as? String)?.hasPrefix("exact:") == true && $0["seconds_per_image"] is Double })
        let macs = policies.compactMap { $0["mean_macs"] as? Double }
        #expect(macs[0] == costs[0] && macs[1] > costs[0] && zip(macs, budgets).allSatisfy { $0 <= $1 + 1e-6 }, "\(macs)")
        #expect(report["classes"] as? [String] == ["0", "1", "2"])
        let exits = try #require(report["exits"] as? [[String: Any]])
        for exit in exits {
            let confusion = try #require(exit["confusion"] as? [[Int]])
            #expect(confusion.map { $0.reduce(0, +) } == [10, 10, 10])
        }
        let html = try String(contentsOfFile: page, encoding: .utf8)
        #expect(html.contains("Evaluation of small.mexit") && html.contains("budgets kept exactly") && html.contains("Confusion"))
        try expectFailure(usual + ["--budget-mode", "exact", "--budget-macs", "\(costs[0] - 1)"], "exit 0 alone costs")
        try expectFailure(usual + ["--budget-macs", "1"], "no stored operating point costs that little")
    }

    /// Test images in folders are decoded part by part; one that does not decode is skipped and told.
    @Test func foldersAreStreamed() throws {
        let fixture = try TrainFixture()
        let trained = try fixture.train(["--validation", "4", "--seed", "3"])
        #expect(trained.status == 0, "\(trained.errors)")
        for (name, base) in [("day", 150), ("night", 30)] {
            for number in 0..<5 { try fixture.write(TrainFixture.picture(base: base, number: number), to: "photos/test/\(name)/\(number).png") }
        }
        let arguments = ["\(fixture.path)/m.mexit", "--data", "images:\(fixture.path)/photos", "--threads", "1", "--json", "--policy", "last"]
        let before = try jsonObject(try eval(arguments + ["--batch", "1"]).output)
        #expect(before["samples"] as? Int == 10)
        try fixture.write([1, 2, 3], to: "photos/test/day/zz.jpg")
        let result = try eval(arguments)
        #expect(result.status == 0 && result.errors.contains("zz.jpg"), "\(result.errors)")
        let after = try jsonObject(result.output)
        #expect(after["samples"] as? Int == 10 && after["skipped"] as? Int == 1)
        let refused = try eval(arguments + ["--on-bad-image", "refuse"])
        #expect(refused.status == 1 && refused.output.isEmpty && refused.errors.contains("zz.jpg"))
    }

    @Test func textIsATableOnStdoutOnly() throws {
        let result = try eval(usual + ["--policy", "confidence:0.4"])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        for word in ["30 images", "exit", "accuracy %", "mean MACs", "ms/image", "confused most often", "confidence:0.4"] { #expect(result.output.contains(word), "\(word)") }
    }

    /// The command fails with 1, says why on stderr in one line, and prints no result.
    private func expectFailure(_ arguments: [String], _ words: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
        let result = try eval(arguments)
        #expect(result.status == 1 && result.output.isEmpty, "\(result)", sourceLocation: sourceLocation)
        #expect(result.errors.hasPrefix("error: ") && result.errors.split(separator: "\n").count == 1, "\(result.errors)", sourceLocation: sourceLocation)
        for word in words { #expect(result.errors.contains(word), "\(word): \(result.errors)", sourceLocation: sourceLocation) }
    }

    @Test func badModels() throws {
        let data = usual[1...]
        try expectFailure([files.path("none.mexit")] + data, "none.mexit")
        try expectFailure([files.folder.path] + data, files.folder.path)
        try expectFailure([try files.truncatedModel()] + data, "short.mexit")
        try expectFailure([try files.damagedModel()] + data, "damaged.mexit")
        try expectFailure([try files.write([], to: "empty.mexit")] + data, "empty.mexit")
        try expectFailure([try files.write(Array("MEXIT of another kind".utf8), to: "other.mexit")] + data, "other.mexit")
    }

    @Test func badData() throws {
        let model = usual[0]
        try expectFailure([model, "--data", "idx:\(files.path("nowhere"))"], "nowhere")
        try expectFailure([model, "--data", files.path("digits")], "KIND:DIR")
        try expectFailure([model, "--data", "mnist:\(files.path("digits"))"], "mnist", "idx")
        try files.writeImages(count: 8, classes: 4, to: "four")
        try expectFailure([model, "--data", "idx:\(files.path("four"))"], "4 classes", "3")
        try expectFailure(usual + ["--split", "validation"], "held out")
    }

    @Test func badPolicies() throws {
        try expectFailure(usual + ["--policy", "confidence:high"], "confidence:high", "calibrated:NAME")
        try expectFailure(usual + ["--policy", "exit:2"], "exit 2", "0, 1")
        try expectFailure(usual + ["--policy", "margin:0.1,0.2"], "2 thresholds for 2 exits")
        try expectFailure(usual + ["--policy", "calibrated:20M"], "20M", "half, late")
    }

    @Test func wrongUsage() throws {
        for arguments in [
            [], [usual[0]], usual + ["--threads", "0"], usual + ["--batch", "0"], usual + ["--validation", "-1"], usual + ["--split", "all"],
            usual + ["--verbose"], usual + ["another.mexit"], usual + ["--on-bad-image", "keep"], usual + ["--budget-mode", "most"],
            usual + ["--budget-macs", "8M,much"],
        ] {
            let result = try eval(arguments)
            #expect(result.status == 64 && result.output.isEmpty && result.errors.uppercased().contains("USAGE:"), "\(arguments): \(result)")
        }
    }

    @Test func helpNamesEveryFlag() throws {
        let help = try eval(["--help"])
        let flags = ["--data", "--split", "--validation", "--seed", "--policy", "--budget-macs", "--budget-mode", "--operating-points", "--report", "--batch", "--threads", "--on-bad-image", "--json", "--version"]
        #expect(help.status == 0 && missingFlags(flags, in: help.output).isEmpty, "\(missingFlags(flags, in: help.output))")
        #expect(help.output.contains("confidence:T") && help.output.contains("calibrated:NAME"))
        let version = try eval(["--version"])
        #expect(version.status == 0 && version.output.hasPrefix("mexit-eval ") && version.output.contains(".mexit format"))
    }
}
