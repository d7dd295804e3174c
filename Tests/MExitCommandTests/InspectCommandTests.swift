import MExitIR
import Testing
import _MExitTestSupport

/// mexit-inspect as a process.
@Suite struct InspectCommandTests {
    private let files: SmallFiles

    init() throws { files = try SmallFiles() }

    private func inspect(_ arguments: [String]) throws -> (status: Int32, output: String, errors: String) {
        try ChildProcess.run("mexit-inspect", arguments)
    }

    @Test func jsonOfAFile() throws {
        let result = try inspect([files.path("small.mexit"), "--json", "--tensors", "--verify"])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        let report = try jsonObject(result.output)
        let graph = files.model.graph
        #expect(report["input_shape"] as? [Int] == [1, 6, 6] && report["class_names"] as? [String] == ["0", "1", "2"])
        let stages = try #require(report["stages"] as? [[String: Any]])
        #expect(stages.compactMap { ($0["cost"] as? [String: Any])?["macs"] as? Int } == (try graph.stageCosts()).map(\.macs))
        #expect(stages.compactMap { $0["exit_name"] as? String } == ["early", "late"])
        #expect((report["tensors"] as? [[String: Any]])?.count == graph.parameters.count)
        #expect((report["policies"] as? [[String: Any]])?.compactMap { $0["name"] as? String } == ["half", "late"])
        let verification = (report["file"] as? [String: Any])?["verification"] as? [String: Any]
        #expect(verification?["non_finite_values"] as? Int == 0)
    }

    @Test func textOfAFileAndOfAnArchitecture() throws {
        let file = try inspect([files.path("small.mexit")])
        #expect(file.status == 0 && file.errors.isEmpty && file.output.contains("1x6x6, 3 classes, 2 exits"), "\(file)")
        let preset = try inspect(["--arch", "msdnet-tiny", "--classes", "10", "--input", "3x64x64", "--exits", "1,3"])
        #expect(preset.status == 0 && preset.output.contains("3x64x64, 10 classes, 2 exits"), "\(preset)")
        let json = try files.write(Array(#"{"family":"msdnet","config":{"exits":3,"base":1,"step":1}}"#.utf8), to: "net.json")
        let custom = try inspect(["--arch", json, "--classes", "4", "--json"])
        #expect(try jsonObject(custom.output)["classes"] as? Int == 4, "\(custom)")
    }

    /// The network of a file, printed, is an architecture again: of the same stages, for any number of classes.
    @Test func graphOfAFile() throws {
        let printed = try inspect([files.path("small.mexit"), "--graph"])
        #expect(printed.status == 0 && printed.errors.isEmpty, "\(printed)")
        #expect(printed.output.split(separator: "\n").count == files.model.graph.nodes.count + files.model.graph.exits.count, "\(printed.output)")
        let json = try files.write(Array(printed.output.utf8), to: "network.json")
        func macs(_ arguments: [String]) throws -> [Int] {
            let stages = try jsonObject(inspect(arguments + ["--json"]).output)["stages"] as? [[String: Any]]
            return (stages ?? []).compactMap { ($0["cost"] as? [String: Any])?["macs"] as? Int }
        }
        #expect(try jsonObject(inspect(["--arch", json, "--classes", "7", "--json"]).output)["classes"] as? Int == 7)
        let own = try macs([files.path("small.mexit")])
        #expect(try own.count == 2 && own == macs(["--arch", json, "--classes", "3"]))
        let piped = try ChildProcess.run("mexit-inspect", ["--arch", "/dev/stdin", "--classes", "3", "--graph"], input: printed.output)
        #expect(piped.output == printed.output, "\(piped)")
        #expect(try inspect(["--arch", json, "--classes", "3", "--graph"]).output == printed.output)
        #expect(try inspect(["--arch", json, "--classes", "3", "--graph", "--json"]).status == 64)
    }

    @Test func failures() throws {
        let bad = try files.write(Array(#"{"family":"msdnet","config":{"exit":3}}"#.utf8), to: "bad.json")
        let broken = try files.write(Array("{".utf8), to: "broken.json")
        let fraction = try files.write(Array(#"{"family":"msdnet","config":{"exits":6.5,"reduction":0.25,"growthFactors":[1,2,4],"headChannels":null}}"#.utf8), to: "fraction.json")
        for (arguments, word) in [
            ([files.path("none.mexit")], "none.mexit"), ([try files.truncatedModel()], "short.mexit"),
            ([try files.write(Array("hello".utf8), to: "hello.mexit")], "hello.mexit"), ([files.path("small.mexit"), "--exits", "2"], "0 ..< 2"),
            (["--arch", "resnet", "--classes", "2"], "msdnet-tiny"), (["--arch", bad, "--classes", "2"], "'exit'"),
            (["--arch", broken, "--classes", "2"], "broken.json': The given data was not valid JSON"), (["--arch", fraction, "--classes", "2"], "among config.exits 6.5, config.reduction 0.25"), (["--arch", files.path("no.json"), "--classes", "2"], "no.json"),
            (["--arch", "msdnet-tiny", "--classes", "0"], "0 classes"), (["--arch", "msdnet-tiny", "--classes", "9000000000"], "9000000000"),
            (["--arch", "msdnet-tiny", "--classes", "2", "--input", "3x2x2"], "below 1x1"),
        ] {
            let result = try inspect(arguments)
            #expect(result.status == 1 && result.output.isEmpty && result.errors.hasPrefix("error: "), "\(arguments): \(result)")
            #expect(result.errors.contains(word), "\(word): \(result.errors)")
        }
    }

    /// A file that opens well and whose tensors are damaged: the check that was asked for does not hold.
    @Test func verificationFails() throws {
        let damaged = try files.damagedModel()
        #expect(try inspect([damaged]).status == 0)
        let result = try inspect([damaged, "--verify"])
        #expect(result.status == 2 && result.output.isEmpty && result.errors.contains("damaged.mexit"), "\(result)")
    }

    @Test func wrongUsage() throws {
        let model = files.path("small.mexit")
        for arguments in [
            [], [model, "--arch", "msdnet-tiny"], ["--arch", "msdnet-tiny"], [model, "--classes", "3"], [model, "--input", "3x3x3"],
            ["--arch", "msdnet-tiny", "--classes", "2", "--verify"], ["--arch", "msdnet-tiny", "--classes", "x"], [model, "--exits", "1,0"],
            ["--arch", "msdnet-tiny", "--classes", "2", "--input", "3x0x3"], [model, "--all"],
        ] {
            let result = try inspect(arguments)
            #expect(result.status == 64 && result.output.isEmpty && result.errors.contains("Usage:"), "\(arguments): \(result)")
        }
    }

    @Test func helpNamesEveryFlag() throws {
        let help = try inspect(["--help"])
        let flags = ["--arch", "--classes", "--input", "--exits", "--json", "--verify", "--tensors", "--version"]
        #expect(help.status == 0 && missingFlags(flags, in: help.output).isEmpty, "\(missingFlags(flags, in: help.output))")
        #expect(help.output.contains("Exit codes"))
    }
}
