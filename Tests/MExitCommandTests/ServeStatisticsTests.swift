import Foundation
import Testing

@Suite struct ServeStatisticsTests {
    @Test func percentilesGroupsAndErrorsAreTold() throws {
        let (child, _) = try ServeFixture.start()
        for index in 0..<50 { child.send(ServeFixture.tensor(index)) }
        child.send(#"{"id":"x","policy":{"kind":"exit","exit":77},"image":"AAAA"}"#)
        for _ in 0..<51 { _ = try child.readLine() }
        child.send(#"{"op":"stats"}"#)
        let stats = try ServeFixture.object(try child.readLine())
        for key in ["latency", "queue", "compute"] {
            let times = try #require(stats[key] as? [String: Any], "\(key)")
            let ascending = try ["p50_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms"].map { try #require(times.number($0)) }
            #expect(ascending == ascending.sorted())
            #expect(try #require(times.number("mean_ms")) >= 0)
        }
        #expect(try #require((stats["latency"] as? [String: Any])?.number("p50_ms")) > 0)
        let groups = try #require(stats["group_sizes"] as? [String: Int])
        let stages = try #require(stats["stages"] as? [[String: Any]])
        #expect(groups.values.reduce(0, +) == stages.compactMap { $0.integer("runs") }.reduce(0, +))
        #expect(groups.reduce(0) { $0 + (Int($1.key) ?? 0) * $1.value } == stages.compactMap { $0.integer("samples") }.reduce(0, +))
        #expect((stats["errors"] as? [String: Int]) == ["unknown_policy": 1])
        child.closeInput()
        #expect(try child.wait() == 0)
    }

    @Test func metricsFileIsReplacedWholeAndComplete() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("mexit-metrics-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent("mexit.prom")
        let (child, _) = try ServeFixture.start(["--metrics-file", file.path, "--stats-interval", "0.1"])
        // It is there when the server says that it is ready.
        #expect(try String(contentsOf: file, encoding: .utf8).contains("mexit_requests_total 0\n"))
        for index in 0..<20 { child.send(ServeFixture.tensor(index, #""policy":{"kind":"exit","exit":1}"#)) }
        child.closeInput()
        #expect(try child.readLines().count == 20)
        #expect(try child.wait() == 0)
        let text = try String(contentsOf: file, encoding: .utf8)
        #expect(text.contains("mexit_requests_total 20\n"))
        #expect(text.contains("mexit_answers_total{exit=\"1\"} 20\n"))
        #expect(text.contains("mexit_latency_seconds_count 20\n"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["mexit.prom"])
    }

    @Test func aMetricsFileThatCannotBeWrittenIsToldAtTheStart() throws {
        let result = try ChildProcess.run("mexit-serve", [try ServeFixture.model.get().path, "--quiet", "--metrics-file", "/nowhere/there/x.prom"])
        #expect(result.status == 1)
        #expect(result.errors.contains("/nowhere/there/x.prom"))
    }

    @Test func logLinesAreJSONWhenAskedFor() throws {
        let child = try ChildProcess(
            "mexit-serve", [try ServeFixture.model.get().path, "--threads", "1", "--log-format", "json", "--stats-interval", "0.1"])
        _ = try child.readLine()
        child.send(ServeFixture.tensor(1))
        _ = try child.readLine()
        while !child.errorText.contains(#""message":"statistics""#) { usleep(20_000) }
        child.closeInput()
        #expect(try child.wait() == 0)
        let lines = try child.errorText.split(separator: "\n").map { try ServeFixture.object(String($0)) }
        #expect(lines.map { $0.text("message") }.first == "serving")
        #expect(lines.last?.text("message") == "finished")
        #expect(lines.last?.text("answers") == "1")
        for line in lines {
            #expect(line.text("level") == "info")
            #expect(line.text("logger") == "mexit-serve")
            #expect(try #require(line.text("time")).wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
        }
    }

    @Test func aFullServerRefusesWhenToldTo() throws {
        let (child, _) = try ServeFixture.start(["--shed", "--max-queue", "1"])
        let count = 500
        let lines = (0..<count).map { ServeFixture.tensor($0, #""policy":{"kind":"last"}"#) } + [#"{"id":"op","op":"policy"}"#]
        child.sendInBackground(Array(lines.map { $0 + "\n" }.joined().utf8))
        let answers = try child.readLines().map { try ServeFixture.object($0) }
        #expect(try child.wait() == 0)
        #expect(Set(answers.compactMap { $0.integer("id") }) == Set(0..<count))
        #expect(answers.count == count + 1)
        // Operations are answered however full it is.
        #expect(answers.contains { $0.text("type") == "policy" })
        let refused = answers.filter { $0.text("type") == "error" }
        #expect(refused.allSatisfy { $0.text("code") == "overloaded" })
        #expect(!refused.isEmpty && refused.count < count)
    }

    @Test func aDeadlineThatCannotBeMetIsRefusedWhenToldTo() throws {
        let answers = try ServeFixture.answers(
            [ServeFixture.tensor(1, #""deadline_ms":0"#), ServeFixture.tensor(2, #""deadline_ms":1e6"#), ServeFixture.tensor(3)], ["--shed", "--ordered"])
        #expect(answers.map { $0.text("code") } == ["deadline_unmet", nil, nil])
        #expect(answers.map { $0.flag("late") } == [nil, false, nil])
    }
}
