import Foundation
import Testing

@Suite struct ServeBadInputTests {
    /// A line and the code that it must get; a good request goes before and behind each.
    @Test func malformedLinesGetAnErrorAndTheServerGoesOn() throws {
        let jpeg = try ServeFixture.jpeg()
        let cut = Data(jpeg[..<(jpeg.count / 2)]).base64EncodedString()
        let good = ServeFixture.tensor(0)
        var corpus: [(line: [UInt8], code: String)] = [
            "{", "}", "[1,2", #"{"id":1"#, #"{"id":1,}"#, "nul", "\"text\"", "[]", "42", "{'id':1}", #"{"id":01}"#, #"{"id":1}{"#,
            #"{"id":1,"id":2}"#, #"{"a":"\ud800"}"#, #"{"a":"\x"}"#, #"{"a":1.}"#, #"{"a":+1}"#, #"{"a":NaN}"#, #"{"a":Infinity}"#,
            String(repeating: "[", count: 200_000), String(repeating: #"{"a":"#, count: 100_000),
            #"{"a":"# + String(repeating: "[", count: 100) + String(repeating: "]", count: 100) + "}",
            "{\"a\":[" + String(repeating: "[],", count: 300_000) + "[]]}", String(good.dropLast(20)),
        ].map { (Array($0.utf8), "bad_json") }
        corpus += [[0xFF, 0xFE, 0x7B], Array("{\"id\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8), [0], Array("{\"a\":\"".utf8) + [0] + Array("\"}".utf8)]
            .map { ($0, "bad_json") }
        corpus += [
            #"{"id":true,"image":"AAAA"}"#, #"{"id":[1]}"#, #"{"id":{}}"#, #"{"id":1e999}"#, #"{"id":1}"#, #"{"image":1}"#, #"{"image":["a"]}"#,
            #"{"image":"AAAA","tensor":"AAAA","dtype":"u8"}"#, #"{"tensor":"AAAA"}"#, #"{"tensor":"AAAA","dtype":"f64"}"#,
            #"{"image":"AAAA","top_k":-1}"#, #"{"image":"AAAA","top_k":1.5}"#, #"{"image":"AAAA","top_k":1e999}"#,
            #"{"image":"AAAA","logits":1}"#, #"{"image":"AAAA","anytime":"yes"}"#, #"{"image":"AAAA","deadline_ms":-1}"#,
            #"{"image":"AAAA","deadline_ms":1e300}"#, #"{"op":"fly"}"#, #"{"op":1}"#, #"{"image":"AAAA","budget_macs":1}"#,
            #"{"image":"AAAA","policy":"last"}"#, #"{"image":"AAAA","policy":{}}"#, #"{"image":"AAAA","policy":{"kind":"magic"}}"#,
            #"{"image":"AAAA","policy":{"kind":"exit","exit":1e18}}"#, #"{"image":"AAAA","policy":{"kind":"patience","patience":0}}"#,
            #"{"image":"AAAA","policy":{"kind":"confidence"}}"#, #"{"image":"AAAA","policy":{"kind":"confidence","thresholds":["a"]}}"#,
            #"{"batch":[]}"#, #"{"batch":1}"#, #"{"batch":[1]}"#, #"{"batch":[{}]}"#, #"{"batch":[{"image":"AAAA"}],"budget_macs":0}"#,
            #"{"batch":[{"image":"AAAA"}],"mode":"exact"}"#, #"{"batch":[{"image":"AAAA"}],"anytime":true}"#,
        ].map { (Array($0.utf8), "bad_request") }
        corpus += [
            #"{"image":"AAAA","policy":{"kind":"exit","exit":9}}"#, #"{"image":"AAAA","policy":{"kind":"confidence","thresholds":[0.5]}}"#,
            #"{"image":"AAAA","policy":{"kind":"calibrated","name":"none"}}"#,
            #"{"image":"AAAA","policy":{"kind":"confidence","threshold":0.5,"temperatures":[0,1,1,1,1]}}"#,
        ].map { (Array($0.utf8), "unknown_policy") }
        corpus += [
            #"{"image":""}"#, #"{"image":"AAAA"}"#, #"{"image":"A"}"#, #"{"image":"!!!!"}"#, #"{"image":"\#(cut)"}"#,
            #"{"image":"\#(Data(jpeg).base64EncodedString().dropLast(301))"}"#, #"{"image":"\#(ServeFixture.shortPNG)"}"#,
            #"{"image":"\#(ServeFixture.png.prefix(300))"}"#, #"{"tensor":"AAAA","dtype":"u8"}"#, #"{"tensor":"AAAA","dtype":"f32"}"#,
            #"{"tensor":"AAAA","dtype":"u8","shape":[3,1,1]}"#,
            #"{"tensor":"\#(Data(repeating: 0xFF, count: 4 * 3072).base64EncodedString())","dtype":"f32"}"#,
        ].map { (Array($0.utf8), "bad_input") }
        corpus += [
            (Array(#"{"image":"\#(ServeFixture.hugePNG)"}"#.utf8), "bad_input"), (Array(#"{"image":"\#(ServeFixture.largePNG)"}"#.utf8), "too_large"), (Array(#"{"path":"cat-1.jpg"}"#.utf8), "forbidden"),
            (Array(#"{"id":"\#(String(repeating: "x", count: 2000))"}"#.utf8), "too_large"),
            (Array(#"{"image":"\#(String(repeating: "A", count: 2_000_000))"}"#.utf8), "too_large"),
        ]
        let (child, _) = try ServeFixture.start(["--ordered", "--max-line", "1M"])
        child.sendInBackground(corpus.flatMap { $0.line + [0x0A] + Array(good.utf8) + [0x0A] })
        for (index, entry) in corpus.enumerated() {
            let answer = try ServeFixture.object(try child.readLine())
            let shown = String(decoding: entry.line.prefix(100), as: UTF8.self)
            #expect(answer.text("type") == "error", "\(shown)")
            #expect(answer.text("code") == entry.code, "\(shown): \(answer.text("message") ?? "")")
            #expect(answer.text("message")?.isEmpty == false)
            #expect(answer.integer("line") == 2 * index + 1)
            #expect(try ServeFixture.object(try child.readLine()).text("type") == "result", "behind \(shown)")
        }
        #expect(try child.readLine() == nil)
        #expect(try child.wait() == 0)
    }

    @Test func theInputMayEndInTheMiddleOfALine() throws {
        let (child, _) = try ServeFixture.start()
        child.send(ServeFixture.tensor(1))
        child.send(Array(ServeFixture.tensor(2).utf8))  // whole, without a newline
        child.closeInput()
        let ids = try child.readLines().map { try ServeFixture.object($0).integer("id") }
        #expect(Set(ids) == [1, 2])
        #expect(try child.wait() == 0)

        let (other, _) = try ServeFixture.start(["--ordered"])
        other.send(ServeFixture.tensor(1))
        other.send(Array(ServeFixture.tensor(2).utf8.prefix(100)))
        other.closeInput()
        let answers = try other.readLines().map { try ServeFixture.object($0) }
        #expect(answers.map { $0.text("type") } == ["result", "error"])
        #expect(answers.last?.text("code") == "bad_json")
        #expect(try other.wait() == 0)
    }

    @Test func pathsStayInsideTheFolder() throws {
        let manager = FileManager.default
        let root = manager.temporaryDirectory.appendingPathComponent("mexit-paths-\(UUID().uuidString)")
        defer { try? manager.removeItem(at: root) }
        let inside = root.appendingPathComponent("inside/deep")
        try manager.createDirectory(at: inside, withIntermediateDirectories: true)
        let picture = Data(try ServeFixture.jpeg())
        try picture.write(to: root.appendingPathComponent("outside.jpg"))
        try picture.write(to: inside.appendingPathComponent("a.jpg"))
        let folder = root.appendingPathComponent("inside")
        try manager.createSymbolicLink(at: folder.appendingPathComponent("link.jpg"), withDestinationURL: root.appendingPathComponent("outside.jpg"))
        try manager.createSymbolicLink(at: folder.appendingPathComponent("up"), withDestinationURL: root)
        #expect(mkfifo(folder.appendingPathComponent("pipe").path, 0o600) == 0)
        let cases: [(path: String, expected: String)] = [
            ("deep/a.jpg", "result"), ("./deep//a.jpg", "result"), ("../outside.jpg", "forbidden"), ("deep/../../outside.jpg", "forbidden"),
            (root.appendingPathComponent("outside.jpg").path, "forbidden"), ("link.jpg", "forbidden"), ("up/outside.jpg", "forbidden"),
            ("deep", "bad_input"), ("pipe", "bad_input"), ("none.jpg", "bad_input"), ("", "forbidden"), (".", "forbidden"),
            ("deep/a.jpg\\u0000.png", "forbidden"), ("deep/a.jpg/b", "forbidden"),
        ]
        let answers = try ServeFixture.answers(cases.map { #"{"path":"\#($0.path)"}"# }, ["--ordered", "--allow-paths", folder.path])
        for (entry, answer) in zip(cases, answers) {
            #expect((answer.text("code") ?? answer.text("type")) == entry.expected, "\(entry.path): \(answer.text("message") ?? "")")
        }
        #expect(answers.count == cases.count)
    }

    @Test func aModelThatCannotBeLoadedIsAnErrorOnStderr() throws {
        let missing = try ChildProcess.run("mexit-serve", ["/nonexistent/model.mexit"])
        #expect(missing.status == 1)
        #expect(missing.output.isEmpty)
        #expect(missing.errors.contains("/nonexistent/model.mexit"))

        let path = FileManager.default.temporaryDirectory.appendingPathComponent("mexit-bad-\(UUID().uuidString).mexit")
        defer { try? FileManager.default.removeItem(at: path) }
        try Data(try Data(contentsOf: URL(fileURLWithPath: try ServeFixture.model.get().path)).dropLast(1000)).write(to: path)
        let cut = try ChildProcess.run("mexit-serve", [path.path])
        #expect(cut.status == 1)
        #expect(cut.errors.contains("error:"))
    }

    @Test func flagsThatDoNotFitAreRefused() throws {
        let model = try ServeFixture.model.get().path
        for (arguments, status) in [
            (["--policy", "exit:7"], Int32(1)), (["--policy", "confidence:0.1,0.2"], 1), (["--max-queue", "0"], 1), (["--max-batch", "0"], 1),
            (["--allow-paths", "/nonexistent"], 1), (["--protocol", "smoke"], 64), (["--threads", "x"], 64),
        ] {
            let run = try ChildProcess.run("mexit-serve", [model] + arguments)
            #expect(run.status == status, "\(arguments): \(run.errors)")
            #expect(run.output.isEmpty && !run.errors.isEmpty)
        }
    }
}
