import Foundation
import Testing

@Suite struct LoadCommandTests {
    private func run(_ arguments: [String], server: [String] = []) throws -> (status: Int32, output: String, errors: String) {
        let serve = try ChildProcess.locate("mexit-serve")
        return try ChildProcess.run(
            "mexit-load", arguments + ["--", serve, try ServeFixture.model.get().path, "--quiet", "--threads", "1"] + server)
    }

    @Test func everyRequestIsAnsweredAndCounted() throws {
        let result = try run(
            ["--json", "--requests", "300", "--warm-up", "50", "--in-flight", "8", "--rate", "70%", "--samples", "10"], server: ["--policy", "exit:1"])
        #expect(result.status == 0, "\(result.errors)")
        let report = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        let runs = try #require(report["runs"] as? [[String: Any]])
        #expect(runs.map { $0.text("loop") } == ["closed", "open"])
        for run in runs {
            #expect(run.integer("requests") == 300)
            #expect(run.integer("measured") == 250)
            #expect(run["exits"] as? [Int] == [0, 250])
            #expect(run["errors"] as? [String: Int] == [:])
            #expect(try #require(run.number("throughput")) > 0)
        }
        let rate = try #require(runs[1].number("rate"))
        #expect(abs(rate - 0.7 * (try #require(runs[0].number("throughput")))) < 1e-6 * rate)
    }

    @Test(arguments: [["--scheduler", "batch"], ["--scheduler", "stage", "--max-batch", "4"], ["--protocol", "protobuf"]])
    func everySchedulerAndProtocolAnswersAll(server: [String]) throws {
        let wire = server.contains("protobuf") ? ["--protocol", "protobuf"] : []
        let result = try run(["--json", "--requests", "200", "--warm-up", "0", "--in-flight", "16"] + wire, server: server + ["--policy", "confidence:0.2"])
        #expect(result.status == 0, "\(result.errors)")
        let report = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        let run = try #require((report["runs"] as? [[String: Any]])?.first)
        #expect(run.integer("measured") == 200)
        #expect((run["exits"] as? [Int])?.reduce(0, +) == 200)
    }

    @Test func errorsOfTheServerAreCounted() throws {
        let result = try run(["--json", "--requests", "200", "--warm-up", "0", "--deadline-ms", "0"], server: ["--shed"])
        #expect(result.status == 0, "\(result.errors)")
        let report = try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
        #expect((report["runs"] as? [[String: Any]])?.first?["errors"] as? [String: Int] == ["deadline_unmet": 200])
    }

    @Test func aTableIsPrinted() throws {
        let result = try run(["--requests", "20", "--warm-up", "0"])
        #expect(result.status == 0, "\(result.errors)")
        for title in ["p99.9 ms", "answers/s", "mean MACs", "64 in flight"] { #expect(result.output.contains(title)) }
    }

    @Test func mistakesAreNamed() throws {
        #expect(try ChildProcess.run("mexit-load", []).status == 64)
        #expect(try ChildProcess.run("mexit-load", ["--rate", "0", "--", "x"]).status == 64)
        let missing = try ChildProcess.run("mexit-load", ["--", "/nowhere/mexit-serve"])
        #expect(missing.status == 1)
        #expect(missing.errors.contains("/nowhere/mexit-serve"))
        let early = try ChildProcess.run("mexit-load", ["--", "true"])
        #expect(early.status == 1)
        #expect(early.errors.contains("ended before it was ready"))
    }
}
