import Foundation
import MExitCheckpoint
import MExitIR
import Testing
import _MExitTestSupport

/// mexit-calibrate as a process.
@Suite struct CalibrateCommandTests {
    private let files: SmallFiles

    init() throws {
        files = try SmallFiles()
        try files.writeImages(count: 240, classes: 3, to: "many")
    }

    private func calibrate(_ arguments: [String], environment: [String: String] = [:]) throws -> (status: Int32, output: String, errors: String) {
        try ChildProcess.run("mexit-calibrate", arguments, environment: environment)
    }

    private var usual: [String] {
        [files.path("small.mexit"), "--data", "idx:\(files.path("many"))", "--split", "test", "--threads", "1"]
    }

    /// Calibrated, stored, shown and served: the whole way.
    @Test func pointsAreStoredAndUsed() throws {
        let out = files.path("calibrated.mexit")
        let page = files.path("report.html")
        let costs = Graph.cumulative(try files.model.graph.stageCosts()).map(\.macs)
        let middle = (costs[0] + costs[1]) / 2
        let result = try calibrate(
            usual + ["--target-macs", "\(middle)", "--name", "middle", "--out", out, "--report", page, "--json"],
            environment: ["SOURCE_DATE_EPOCH": "1764000000"])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let report = try jsonObject(result.output)
        #expect(report["samples"] as? Int == 240)
        let point = try #require((report["points"] as? [[String: Any]])?.first)
        // All methods but patience, which with two exits always runs to the last.
        #expect(point["name"] as? String == "middle" && (point["comparison"] as? [[String: Any]])?.count == 5)

        let stored = try Checkpoint.read(path: out)
        #expect(stored.policies.map(\.name) == ["half", "late", "middle"])
        #expect(stored.policies.last?.date == "2025-11-24T16:00:00Z" && stored.policies.last?.promise?.limit == Double(middle))
        #expect(stored.gainTables?.samples == 240 && stored.tensors == files.model.tensors)
        #expect(try String(contentsOfFile: page, encoding: .utf8).contains("Calibration of small.mexit"))

        let evaluated = try ChildProcess.run(
            "mexit-eval", [out, "--data", "idx:\(files.path("many"))", "--threads", "1", "--json", "--operating-points", "--budget-macs", "\(costs[1])"])
        #expect(evaluated.status == 0, "\(evaluated.errors)")
        let policies = try #require(try jsonObject(evaluated.output)["policies"] as? [[String: Any]])
        #expect(policies.compactMap { $0["policy"] as? String } == ["calibrated:half", "calibrated:late", "calibrated:middle"])
        // The samples are those that it was calibrated on: the cost is within the wish, as counted by the runtime.
        #expect(try #require(policies[2]["mean_macs"] as? Double) <= Double(middle))
        // A point of the same name is replaced; the same samples at the same time give the same file.
        let again = files.path("again.mexit")
        let repeated = try calibrate(
            [out] + usual.dropFirst() + ["--target-macs", "\(middle)", "--name", "middle", "--out", again], environment: ["SOURCE_DATE_EPOCH": "1764000000"])
        #expect(repeated.status == 0, "\(repeated.errors)")
        #expect(FileManager.default.contents(atPath: again) == FileManager.default.contents(atPath: out))
    }

    @Test func textNamesWhatWasFound() throws {
        let result = try calibrate(usual + ["--target-accuracy", "full-0.05", "--sweep", "3", "--max-risk", "0.3"])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        for word in ["240 samples", "temperature", "full-0.05", "sweep-3", "gap-0.3", "cross-validated", "geometric", "confidence 0.9"] {
            #expect(result.output.contains(word), "\(word)")
        }
    }

    @Test func trialsTellHowOftenThePromiseHolds() throws {
        let result = try calibrate(usual + ["--max-risk", "0.3", "--trials", "5", "--json"])
        #expect(result.status == 0, "\(result.errors)")
        let trials = try jsonObject(result.output)
        #expect(trials["trials"] as? Int == 5 && trials["calibration_samples"] as? Int == 120 && trials["kept_on_whole"] is Double)
    }

    /// What the training held out is found again from what the model says; what it was trained on is warned of.
    @Test func theValidationSplitIsFound() throws {
        let fixture = try TrainFixture()
        let trained = try fixture.train(["--validation", "4", "--seed", "3"])
        #expect(trained.status == 0, "\(trained.errors)")
        let model = "\(fixture.path)/m.mexit"
        let data = ["--data", "images:\(fixture.path)/photos", "--threads", "1"]
        let held = try calibrate([model] + data + ["--sweep", "2", "--folds", "2", "--json"])
        #expect(held.status == 0 && !held.errors.contains("warning"), "\(held.errors)")
        #expect(try jsonObject(held.output)["samples"] as? Int == 4)
        let other = try calibrate([model] + data + ["--seed", "4", "--sweep", "2", "--folds", "2"])
        #expect(other.status == 0 && other.errors.contains("warning: ") && other.errors.contains("fingerprint"), "\(other.errors)")
        for arguments in [["--split", "train"], ["--split", "train", "--validation", "0"]] {
            let result = try calibrate([model] + data + arguments + ["--sweep", "2", "--folds", "2"])
            #expect(result.status == 0 && result.errors.contains("trained on"), "\(result.errors)")
        }
    }

    private func expectFailure(_ arguments: [String], _ words: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
        let result = try calibrate(arguments)
        #expect(result.status == 1 && result.output.isEmpty, "\(result)", sourceLocation: sourceLocation)
        #expect(result.errors.hasPrefix("error: ") && result.errors.split(separator: "\n").count == 1, "\(result.errors)", sourceLocation: sourceLocation)
        for word in words { #expect(result.errors.contains(word), "\(word): \(result.errors)", sourceLocation: sourceLocation) }
    }

    @Test func wishesThatCannotBeMet() throws {
        try expectFailure(usual + ["--target-macs", "1"], "exit 0 alone costs")
        try expectFailure(usual + ["--target-accuracy", "1"], "most accurate policy")
        try expectFailure(usual + ["--max-risk", "0.001"], "240 samples", "give at least", "or allow a risk of")
        try expectFailure(usual + ["--sweep", "2", "--out", files.path("no/such/folder.mexit")], "folder.mexit")
        try expectFailure(usual + ["--sweep", "2", "--report", files.path("no/such/page.html")], "page.html")
        try expectFailure(usual + ["--max-risk", "0.3", "--measure", "patience"], "patience")
    }

    @Test func badData() throws {
        func expectRefusal(_ name: String, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation) throws {
            let result = try calibrate([usual[0], "--data", "idx:\(files.path(name))", "--split", "test", "--sweep", "2", "--out", files.path("no.mexit")])
            #expect(result.status == 1 && result.output.isEmpty && result.errors.hasPrefix("error: "), "\(result)", sourceLocation: sourceLocation)
            for word in words { #expect(result.errors.contains(word), "\(word): \(result.errors)", sourceLocation: sourceLocation) }
            #expect(!FileManager.default.fileExists(atPath: files.path("no.mexit")), sourceLocation: sourceLocation)
        }
        // The classes are named, so that only their number or their images are at fault.
        for (name, count, label) in [("two", 2, nil), ("one-class", 60, { _ in 1 })] as [(String, Int, ((Int) -> UInt8)?)] {
            try files.writeImages(count: count, classes: 3, to: name, label: label)
            try files.write(Array("0\n1\n2\n".utf8), to: "\(name)/classes.txt")
        }
        try expectRefusal("two", "2 samples for 3 classes", "at least one sample per class")
        try expectRefusal("one-class", "all 60 samples are of class 1", "samples of all classes are needed")
        try expectFailure([usual[0], "--data", "idx:\(files.path("many"))", "--sweep", "2"], "held out", "--validation")
        try files.writeImages(count: 12, classes: 4, to: "four")
        try expectFailure([usual[0], "--data", "idx:\(files.path("four"))", "--split", "test", "--sweep", "2"], "4 classes", "3")
        try expectFailure([files.path("none.mexit")] + usual.dropFirst() + ["--sweep", "2"], "none.mexit")
    }

    @Test func wrongUsage() throws {
        for arguments in [
            [], usual, usual + ["--max-risk", "0"], usual + ["--max-risk", "0.1", "--confidence", "1"], usual + ["--sweep", "1"],
            usual + ["--sweep", "2", "--name", "x"], usual + ["--trials", "3", "--sweep", "2"], usual + ["--target-accuracy", "1.5"],
            usual + ["--target-accuracy", "half"], usual + ["--sweep", "2", "--folds", "1"], usual + ["--target-macs", "-5"],
            usual + ["--sweep", "2", "--measure", "luck"], usual + ["--sweep", "2", "--threads", "0"],
        ] {
            let result = try calibrate(arguments)
            #expect(result.status == 64 && result.output.isEmpty && result.errors.uppercased().contains("USAGE:"), "\(arguments): \(result)")
        }
    }

    @Test func helpNamesEveryFlag() throws {
        let help = try calibrate(["--help"])
        let flags = [
            "--data", "--split", "--validation", "--seed", "--target-macs", "--target-accuracy", "--max-risk", "--confidence", "--risk", "--bound",
            "--sweep", "--name", "--measure", "--folds", "--shuffle-seed", "--trials", "--trial-samples", "--out", "--report", "--batch", "--threads",
            "--json", "--on-bad-image", "--version",
        ]
        #expect(help.status == 0 && missingFlags(flags, in: help.output).isEmpty, "\(missingFlags(flags, in: help.output))")
        #expect(try calibrate(["--version"]).output.hasPrefix("mexit-calibrate "))
    }
}
