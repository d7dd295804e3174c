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

    @Test func textIsATableOnStdoutOnly() throws {
        let result = try eval(usual + ["--policy", "confidence:0.4"])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        for word in ["30 images", "exit", "accuracy %", "mean MACs", "confidence:0.4"] { #expect(result.output.contains(word), "\(word)") }
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
            usual + ["--verbose"], usual + ["another.mexit"], usual + ["--on-bad-image", "keep"],
        ] {
            let result = try eval(arguments)
            #expect(result.status == 64 && result.output.isEmpty && result.errors.uppercased().contains("USAGE:"), "\(arguments): \(result)")
        }
    }

    @Test func helpNamesEveryFlag() throws {
        let help = try eval(["--help"])
        let flags = ["--data", "--split", "--validation", "--seed", "--policy", "--batch", "--threads", "--on-bad-image", "--json", "--version"]
        #expect(help.status == 0 && missingFlags(flags, in: help.output).isEmpty, "\(missingFlags(flags, in: help.output))")
        #expect(help.output.contains("confidence:T") && help.output.contains("calibrated:NAME"))
        let version = try eval(["--version"])
        #expect(version.status == 0 && version.output.hasPrefix("mexit-eval ") && version.output.contains(".mexit format"))
    }
}
