import Foundation
import MExitIR
import Testing

@Suite struct ServeAnswersTests {
    @Test func theFirstLineSaysWhatIsServed() throws {
        let (child, ready) = try ServeFixture.start()
        let graph = try ServeFixture.model.get().model.graph
        #expect(ready.text("type") == "ready")
        #expect(ready.integer("exits") == 5)
        #expect((ready["input"] as? [String: Any])?["shape"] as? [Int] == [3, 32, 32])
        #expect((ready["classes"] as? [String])?.count == 10)
        #expect(ready["macs"] as? [Int] == Graph.cumulative(try graph.stageCosts()).map(\.macs))
        #expect(ready.text("version")?.isEmpty == false)
        child.closeInput()
        #expect(try child.readLine() == nil)
        #expect(try child.wait() == 0)
        #expect(child.errorText.isEmpty)
    }

    @Test func anImageItsPathAndItsPixelsGetTheSameAnswer() throws {
        let jpeg = Data(try ServeFixture.jpeg()).base64EncodedString()
        let answers = try ServeFixture.answers(
            [
                #"{"id":"image","image":"\#(jpeg)","logits":true,"top_k":3}"#,
                #"{"id":"path","path":"cat-1.jpg","logits":true}"#,
                #"{"id":"png","image":"\#(ServeFixture.png)"}"#,
            ], ["--allow-paths", ServeFixture.samples.path, "--policy", "last", "--ordered"])
        #expect(answers.map { $0.text("type") } == ["result", "result", "result"])
        let logits = try #require(answers[0]["logits"] as? [Double])
        #expect(logits.count == 10)
        #expect(answers[1]["logits"] as? [Double] == logits)
        let top = try #require(answers[0]["top"] as? [[String: Any]])
        #expect(top.count == 3)
        #expect(top[0].integer("label") == answers[0].integer("label"))
        #expect(top[0].number("probability") == answers[0].number("confidence"))
        #expect(answers[0].text("class") == "class\(try #require(answers[0].integer("label")))")
        #expect(logits.firstIndex(of: logits.max() ?? 0) == answers[0].integer("label"))
    }

    @Test func floatsAreTakenAsTheyAreAndBytesNormalised() throws {
        let preprocessing = try ServeFixture.model.get().model.preprocessing
        let bytes = (0..<3072).map { UInt8($0 % 251) }
        let floats = bytes.enumerated().map { index, byte in
            let channel = index / 1024
            return Float(byte) * (1 / (255 * preprocessing.std[channel])) + -preprocessing.mean[channel] / preprocessing.std[channel]
        }
        let raw = floats.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) }
        let answers = try ServeFixture.answers(
            [
                #"{"id":1,"tensor":"\#(Data(bytes).base64EncodedString())","dtype":"u8","logits":true}"#,
                #"{"id":2,"tensor":"\#(Data(raw).base64EncodedString())","dtype":"f32","logits":true,"shape":[3,32,32]}"#,
            ], ["--ordered", "--policy", "exit:1"])
        let first = try #require(answers[0]["logits"] as? [Double])
        let second = try #require(answers[1]["logits"] as? [Double])
        // The last bit of a normalised value may depend on fused multiply-add; logits are sums of some thousand of them.
        for (a, b) in zip(first, second) { #expect(abs(a - b) <= 1e-4 * max(1, abs(a))) }
    }

    @Test func thresholdsChooseTheExitAndTheAccountsAddUp() throws {
        let policies = [
            #""policy":{"kind":"confidence","threshold":0}"#, #""policy":{"kind":"confidence","thresholds":[1.1,1.1,0,0]}"#,
            #""policy":{"kind":"confidence","threshold":1.1}"#, #""policy":{"kind":"exit","exit":1}"#, #""policy":{"kind":"last"}"#,
            #""policy":{"kind":"calibrated","name":"all-late"}"#, #""policy":{"kind":"entropy","threshold":0}"#,
            #""policy":{"kind":"margin","threshold":0}"#,
        ]
        let answers = try ServeFixture.answers(policies.enumerated().map { ServeFixture.tensor($0.offset, $0.element) }, ["--ordered"])
        #expect(answers.map { $0.integer("exit") } == [0, 2, 4, 1, 4, 4, 0, 0])
        let costs = Graph.cumulative(try ServeFixture.model.get().model.graph.stageCosts()).map(\.macs)
        for answer in answers {
            let exit = try #require(answer.integer("exit"))
            #expect(answer.integer("macs") == costs[exit])
            #expect(answer.integer("stages") == exit + 1)
            #expect(try #require(answer.integer("macs")) + #require(answer.integer("macs_saved")) == costs[4])
            #expect(try #require(answer.number("compute_ms")) > 0)
            #expect(try #require(answer.number("queue_ms")) >= 0)
            #expect(answer.flag("final") == true)
        }
    }

    @Test func anytimeGivesALinePerExit() throws {
        let answers = try ServeFixture.answers(
            [ServeFixture.tensor(1, #""anytime":true"#), ServeFixture.tensor(2, #""anytime":true,"policy":{"kind":"exit","exit":2}"#)],
            ["--ordered"])
        #expect(answers.map { $0.integer("id") } == [1, 1, 1, 1, 1, 2, 2, 2])
        #expect(answers.map { $0.integer("exit") } == [0, 1, 2, 3, 4, 0, 1, 2])
        #expect(answers.map { $0.flag("final") } == [false, false, false, false, true, false, false, true])
    }

    @Test func aDeadlineThatIsPastStillGetsExitZero() throws {
        let answers = try ServeFixture.answers(
            [
                ServeFixture.tensor(1, #""deadline_ms":0,"policy":{"kind":"last"}"#),
                ServeFixture.tensor(2, #""deadline_ms":1e6,"policy":{"kind":"last"}"#),
                ServeFixture.tensor(3, #""policy":{"kind":"last"}"#),
            ], ["--ordered"])
        #expect(answers.map { $0.integer("exit") } == [0, 4, 4])
        #expect(answers.map { $0.flag("late") } == [true, false, nil])
    }

    @Test func answersCarryTheIdAsItCame() throws {
        let tensor = ServeFixture.tensor(0).replacingOccurrences(of: #""id":0,"#, with: "")
        let ids = [#""a\u00e9\/b""#, "12345678901234567890", "1.50", #""""#, "-3e2"]
        let lines = ids.map { tensor.replacingOccurrences(of: #"{"tensor""#, with: #"{"id":\#($0),"tensor""#) } + [tensor]
        let (child, _) = try ServeFixture.start(["--ordered"])
        child.sendInBackground(Array(lines.map { $0 + "\n" }.joined().utf8))
        for id in ids + ["null"] {
            let line = try #require(try child.readLine())
            #expect(line.hasPrefix(#"{"type":"result","id":\#(id),"exit""#))
        }
        #expect(try child.wait() == 0)
    }

    @Test func orderedAnswersKeepTheOrderAndUnorderedOnesAreComplete() throws {
        let policies = [#""policy":{"kind":"last"}"#, #""policy":{"kind":"exit","exit":0}"#]
        let lines = (0..<200).map { $0 % 7 == 3 ? #"{"id":\#($0),"oops":1}"# : ServeFixture.tensor($0, policies[$0 % 2]) }
        let ordered = try ServeFixture.answers(lines, ["--ordered", "--max-batch", "8"])
        #expect(ordered.map { $0.integer("id") } == Array(0..<200))
        let unordered = try ServeFixture.answers(lines, ["--max-batch", "8"])
        #expect(Set(unordered.compactMap { $0.integer("id") }) == Set(0..<200))
        #expect(unordered.count == 200)
        let labels = Dictionary(uniqueKeysWithValues: unordered.map { ($0.integer("id"), $0.integer("label")) })
        for answer in ordered { #expect(labels[answer.integer("id")] == answer.integer("label")) }
    }
}
