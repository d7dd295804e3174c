import Foundation
import Testing

@Suite struct ServeLifeCycleTests {
    @Test func sigtermAnswersEverythingThatWasRead() throws {
        let (child, _) = try ServeFixture.start(["--max-queue", "64"])
        // The sender goes on; what the server has read when the signal comes is answered, and numbers show no gap.
        let lines = (0..<40).map { ServeFixture.tensor($0, #""policy":{"kind":"last"}"#) }
        for line in lines { child.send(line) }
        child.send(#"{"id":"read","op":"stats"}"#)
        var seen = Set<Int>()
        while true {
            let answer = try ServeFixture.object(try child.readLine())
            if answer.text("id") == "read" { break }
            seen.insert(try #require(answer.integer("id")))
        }
        // The statistics are answered by the reader: all forty were read before them.
        child.signal(SIGTERM)
        for line in try child.readLines() { seen.insert(try #require(try ServeFixture.object(line).integer("id"))) }
        #expect(seen == Set(0..<40))
        #expect(try child.wait() == 0)
    }

    @Test func sigtermEndsAnIdleServerWhoseInputIsOpen() throws {
        let (child, _) = try ServeFixture.start()
        child.signal(SIGTERM)
        #expect(try child.readLine() == nil)
        #expect(try child.wait() == 0)
    }

    @Test func aClosedOutputEndsItQuietly() throws {
        let (idle, _) = try ServeFixture.start()
        idle.closeOutput()
        #expect(try idle.wait() == 0)
        #expect(idle.errorText.isEmpty)

        let (busy, _) = try ServeFixture.start()
        busy.sendInBackground(Array((0..<500).map { ServeFixture.tensor($0) + "\n" }.joined().utf8))
        _ = try busy.readLine()
        busy.closeOutput()
        #expect(try busy.wait() == 0)
        #expect(busy.errorText.isEmpty)
    }

    /// 4000 requests of 4 KiB, answers of some hundred bytes, a reader that does not read: the server must stop reading.
    @Test func aSlowReaderHoldsTheSenderBack() throws {
        let (child, _) = try ServeFixture.start(["--max-queue", "16"])
        let count = 4000
        let line = Array((ServeFixture.tensor(1, #""policy":{"kind":"exit","exit":0},"logits":true,"top_k":10"#) + "\n").utf8)
        let before = child.residentKiB
        let sent = SentCount()
        child.sendRepeatedly(line, count: count, sent)
        // Until nothing moves for half a second.
        var last = -1
        var still = 0
        while still < 10 {
            usleep(50_000)
            let value = sent.value
            still = value == last ? still + 1 : 0
            last = value
        }
        #expect(last < count, "all requests were taken although nobody read an answer")
        if let before, let after = child.residentKiB {
            // Sixteen requests and their answers, tables and stacks: far below the 16 MiB that were sent.
            #expect(after - before < 12 << 10, "memory grew by \(after - before) KiB")
        }
        #expect(try child.readLines().count == count)
        #expect(try child.wait() == 0)
    }

    @Test func operationsTellAndSetTheState() throws {
        let lines = [
            #"{"id":1,"op":"policy"}"#, #"{"id":2,"op":"policy","policy":{"kind":"exit","exit":3}}"#, ServeFixture.tensor(3),
            #"{"id":4,"op":"policy","policy":{"kind":"exit","exit":30}}"#, ServeFixture.tensor(5), #"{"id":6,"op":"model"}"#,
        ]
        let answers = try ServeFixture.answers(lines, ["--ordered", "--policy", "patience:2"])
        #expect(answers.map { $0.text("type") } == ["policy", "policy", "result", "error", "result", "model"])
        #expect((answers[0]["policy"] as? [String: Any])?.text("kind") == "patience")
        #expect((answers[1]["policy"] as? [String: Any])?.integer("exit") == 3)
        #expect(answers[2].integer("exit") == 3)
        #expect(answers[3].text("code") == "unknown_policy")
        #expect(answers[4].integer("exit") == 3)
        #expect((answers[5]["exits"] as? [Any])?.count == 5)
        #expect((answers[5]["calibrated"] as? [[String: Any]])?.first?.text("name") == "all-late")
    }

    @Test func statisticsAddUp() throws {
        let (child, _) = try ServeFixture.start()
        for index in 0..<10 { child.send(ServeFixture.tensor(index, #""policy":{"kind":"exit","exit":\#(index % 2)}"#)) }
        child.send(#"{"id":"x"}"#)
        var macs = 0
        for _ in 0..<11 { macs += try ServeFixture.object(try child.readLine()).integer("macs") ?? 0 }
        child.send(#"{"op":"stats"}"#)
        let stats = try ServeFixture.object(try child.readLine())
        #expect(stats.integer("requests") == 12)
        #expect(stats.integer("answers") == 10)
        #expect(stats["exits"] as? [Int] == [5, 5, 0, 0, 0])
        #expect(stats.integer("macs") == macs)
        #expect((stats["errors"] as? [String: Any])?.integer("bad_request") == 1)
        let stages = try #require(stats["stages"] as? [[String: Any]])
        #expect(stages.map { $0.integer("samples") } == [10, 5, 0, 0, 0])
        child.closeInput()
        #expect(try child.wait() == 0)
    }
}
