import Foundation
import MExitCheckpoint
import MExitIR
import Testing
import _MExitTestSupport

@Suite struct ServeReloadTests {
    private let folder: URL
    private var file: String { folder.appendingPathComponent("model.mexit").path }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("mexit-reload-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func write(classes: Int = 10, seed: UInt64, thresholds: [Double] = [2, 2, 2, 2]) throws {
        let policy = NamedPolicy(name: "point", measure: "confidence", thresholds: thresholds)
        let model = try randomModel(Architectures.preset(named: "msdnet-tiny").graph(classes: classes), seed: seed, policies: [policy])
        try Checkpoint.write(model, to: file)
    }

    private func stats(_ child: ChildProcess) throws -> [String: Any] {
        child.send(#"{"id":"stats","op":"stats"}"#)
        while true {
            let answer = try ServeFixture.object(try child.readLine())
            if answer.text("id") == "stats" { return answer }
        }
    }

    /// Asks until as many reloads are counted; every other answer that comes meanwhile is given to `body`.
    private func waitFor(_ key: String, _ count: Int, _ child: ChildProcess) throws {
        for _ in 0..<6000 {
            if try stats(child).integer(key) == count { return }
            usleep(10_000)
        }
        Issue.record("\(key) did not become \(count); stderr: \(child.errorText)")
    }

    @Test func aReloadLosesNothingAndTakesTheNewModel() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(seed: 1)
        let child = try ChildProcess("mexit-serve", [file, "--threads", "1", "--quiet", "--ordered", "--policy", "calibrated:point"])
        _ = try child.readLine()
        let request = ServeFixture.tensor(0, #""logits":true"#)
        child.send(request)
        let before = try ServeFixture.object(try child.readLine())
        #expect(before.integer("exit") == 4)

        // The same operating point by name, other thresholds: the first exit takes everybody.
        try write(seed: 2, thresholds: [0, 0, 0, 0])
        let count = 400
        let sender = SentCount()
        child.sendRepeatedly(Array((request + "\n").utf8), count: count, sender)
        while sender.value < 20 { usleep(1000) }
        child.signal(SIGHUP)
        let answers = try child.readLines().map { try ServeFixture.object($0) }
        #expect(answers.count == count)
        #expect(try child.wait() == 0)
        #expect(child.errorText.isEmpty)
        // Every answer is that of one of the two models, and none of the old one comes behind the first of the new.
        let exits = answers.compactMap { $0.integer("exit") }
        #expect(exits.count == count)
        #expect(exits == exits.filter { $0 == 4 } + exits.filter { $0 == 0 })
        for answer in answers where answer.integer("exit") == 4 { #expect(answer["logits"] as? [Double] == before["logits"] as? [Double]) }
    }

    @Test func laterRequestsAreAnsweredByTheNewModel() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(seed: 1)
        let child = try ChildProcess("mexit-serve", [file, "--threads", "1", "--quiet", "--policy", "exit:0"])
        _ = try child.readLine()
        let request = ServeFixture.tensor(0, #""logits":true"#)
        child.send(request)
        let old = try ServeFixture.object(try child.readLine())["logits"] as? [Double]
        // What a request has set holds on, by its name: thresholds come from the new model.
        child.send(#"{"op":"policy","policy":{"kind":"calibrated","name":"point"}}"#)
        _ = try child.readLine()
        for round in 1...3 {
            try write(seed: UInt64(round) + 1, thresholds: [2, 0, 0, 0])
            child.signal(SIGHUP)
            try waitFor("reloads", round, child)
        }
        child.send(request)
        let new = try ServeFixture.object(try child.readLine())
        #expect(new["logits"] as? [Double] != old)
        #expect(new.integer("exit") == 1)
        child.closeInput()
        #expect(try child.wait() == 0)
    }

    @Test func aFileThatCannotBeServedLeavesTheOldModel() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(seed: 1)
        let child = try ChildProcess("mexit-serve", [file, "--threads", "1", "--quiet"])
        _ = try child.readLine()
        try Data("not a model".utf8).write(to: URL(fileURLWithPath: file))
        child.signal(SIGHUP)
        try waitFor("failed_reloads", 1, child)
        // Other classes: what clients were told would no longer be true.
        try write(classes: 7, seed: 1)
        child.signal(SIGHUP)
        try waitFor("failed_reloads", 2, child)
        try FileManager.default.removeItem(atPath: file)
        child.signal(SIGHUP)
        try waitFor("failed_reloads", 3, child)
        child.send(ServeFixture.tensor(5))
        #expect(try ServeFixture.object(try child.readLine()).text("type") == "result")
        child.closeInput()
        #expect(try child.wait() == 0)
        #expect(child.errorText.split(separator: "\n").count { $0.contains("was not reloaded") } == 3)
    }

    /// Under load, again and again: the old model answers everything.
    @Test func badFilesUnderLoadLoseNothing() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        try write(seed: 1)
        let child = try ChildProcess("mexit-serve", [file, "--threads", "1", "--quiet", "--ordered", "--policy", "exit:1"])
        _ = try child.readLine()
        let request = ServeFixture.tensor(0, #""logits":true"#)
        child.send(request)
        let logits = try ServeFixture.object(try child.readLine())["logits"] as? [Double]
        let whole = try Data(contentsOf: URL(fileURLWithPath: file))
        let sender = SentCount()
        let count = 1500
        child.sendRepeatedly(Array((request + "\n").utf8), count: count, sender)
        // Cut, altered, empty, another kind of file.
        var altered = whole
        altered[altered.count / 2] ^= 0x55
        var answers: [[String: Any]] = []
        for bad in [Data(whole.prefix(whole.count / 2)), altered, Data(), Data(try ServeFixture.jpeg())] {
            try bad.write(to: URL(fileURLWithPath: file))
            child.signal(SIGHUP)
            for _ in 0..<200 { answers.append(try ServeFixture.object(try child.readLine())) }
        }
        answers += try child.readLines().map { try ServeFixture.object($0) }
        #expect(answers.count == count)
        for answer in answers { #expect(answer["logits"] as? [Double] == logits) }
        #expect(try child.wait() == 0)
        // Signals that come while a file is read are taken together.
        #expect((1...4).contains(child.errorText.split(separator: "\n").count { $0.contains("was not reloaded") }))
    }
}
