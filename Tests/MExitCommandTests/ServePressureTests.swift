import Foundation
import MExitData
import Testing

@Suite struct ServePressureTests {
    /// A hundred megabytes without a newline: answered by one error, and never held.
    @Test func aHugeLineGoesByInBoundedMemory() throws {
        let (child, _) = try ServeFixture.start(["--ordered", "--max-line", "64k"])
        let before = child.residentKiB
        child.send(Array(#"{"id":1,"image":""#.utf8))
        let piece = [UInt8](repeating: UInt8(ascii: "A"), count: 1 << 20)
        var most = 0
        for _ in 0..<100 {
            child.send(piece)
            most = max(most, child.residentKiB ?? 0)
        }
        child.send(#""}"#)
        child.send(ServeFixture.tensor(2))
        child.closeInput()
        let answers = try child.readLines().map { try ServeFixture.object($0) }
        #expect(answers.map { $0.text("type") } == ["error", "result"])
        #expect(answers[0].text("code") == "too_large")
        #expect(try child.wait() == 0)
        if let before { #expect(most < before + 16 << 10, "memory went from \(before) to \(most) KiB") }
    }

    /// Pictures of some 64 KB that are 64 megapixels when decoded: each is refused or answered, and they are never held together.
    @Test func decompressionBombsAreDecodedOneAtATime() throws {
        let side = 8192
        let bomb = Data(try ImageU8(channels: 1, height: side, width: side, pixels: [UInt8](repeating: 7, count: side * side)).encodedPNG())
        #expect(bomb.count < 1 << 20)
        let count = 12
        let lines = (0..<count).map { #"{"id":\#($0),"image":"\#(bomb.base64EncodedString())"}"# } + [ServeFixture.tensor(count)]
        let (child, _) = try ServeFixture.start()
        let before = child.residentKiB
        child.sendLater(Array(lines.map { $0 + "\n" }.joined().utf8))
        var ids = Set<Int>()
        for _ in lines {
            let answer = try ServeFixture.object(try child.readLine())
            #expect(answer.text("type") == "result")
            ids.insert(try #require(answer.integer("id")))
        }
        #expect(ids == Set(0...count))
        // One decoded picture and its three channels, not twelve.
        if let before, let most = child.peakKiB { #expect(most < before + 500 << 10, "memory went from \(before) to \(most) KiB") }
        child.closeInput()
        #expect(try child.wait() == 0)
    }

    /// The sender never stops; what was read when the signal came is answered, in order and without a gap.
    @Test(arguments: [["--scheduler", "stage"], ["--scheduler", "batch"], ["--workers", "2"]])
    func sigtermUnderLoadLosesNothingThatWasRead(flags: [String]) throws {
        let (child, _) = try ServeFixture.start(["--ordered", "--max-queue", "32"] + flags)
        let lines = (0..<5000).map { ServeFixture.tensor($0, #""policy":{"kind":"exit","exit":\#($0 % 5)}"#) + "\n" }
        child.sendInBackground(Array(lines.joined().utf8))
        var ids: [Int] = []
        for _ in 0..<100 { ids.append(try #require(try ServeFixture.object(try child.readLine()).integer("id"))) }
        child.signal(SIGTERM)
        for line in try child.readLines() {
            let answer = try ServeFixture.object(line)
            #expect(answer.integer("exit") == (answer.integer("id") ?? 0) % 5)
            ids.append(try #require(answer.integer("id")))
        }
        #expect(ids == Array(0..<ids.count))
        #expect(ids.count < 5000)
        #expect(try child.wait() == 0)
    }

    /// Requests of every kind share groups: each is answered by its own policy, whoever ran beside it.
    @Test func policiesDeadlinesAndBatchesMix() throws {
        let kinds = [
            #""policy":{"kind":"exit","exit":3}"#, #""policy":{"kind":"last"},"deadline_ms":1e6"#, #""policy":{"kind":"confidence","threshold":0}"#,
            #""policy":{"kind":"patience","patience":1}"#, #""anytime":true"#,
        ]
        let body = ServeFixture.tensor(0).replacingOccurrences(of: #"{"id":0,"#, with: "").dropLast()
        var lines = (0..<300).map { #"{"id":\#($0),\#(body),\#(kinds[$0 % kinds.count])}"# }
        lines.insert(#"{"id":1000,"batch":[{\#(body)},{\#(body)},{\#(body)}],"policy":{"kind":"exit","exit":2}}"#, at: 150)
        for flags in [["--scheduler", "stage"], ["--scheduler", "batch"], ["--workers", "3"], ["--workers", "2", "--scheduler", "batch"]] {
            let answers = try ServeFixture.answers(lines, flags + ["--max-batch", "16"])
            let finals = Dictionary(grouping: answers.filter { $0.flag("final") == true }) { $0.integer("id") ?? -1 }
            #expect(finals.count == 300)
            // The same picture: an answer depends on its policy alone.
            for (kind, expected) in [(0, 3), (1, 4), (2, 0), (4, 4)] {
                for id in stride(from: kind, to: 300, by: kinds.count) { #expect(finals[id]?.map { $0.integer("exit") } == [expected]) }
            }
            let patient = Set(stride(from: 3, to: 300, by: kinds.count).map { finals[$0]?.first?.integer("exit") })
            #expect(patient.count == 1)
            let anytime = answers.filter { ($0.integer("id") ?? 0) % kinds.count == 4 && $0.integer("id") != 1000 }
            #expect(anytime.count == 60 * 5)
            let batch = answers.first { $0.text("type") == "batch" }
            #expect((batch?["results"] as? [[String: Any]])?.map { $0.integer("exit") } == [2, 2, 2])
        }
    }
}
