import Foundation
import MExitCheckpoint
import MExitIR
import Testing
import _MExitTestSupport

@Suite struct ServeSoakTests {
    /// A network of a few thousand multiply-adds: it is the server that works, not the network.
    private func smallModel() throws -> String {
        var b = GraphBuilder(input: .map(channels: 3, height: 4, width: 4))
        var x = 0
        for exit in 0..<3 {
            x = b.convNormRelu(x, 4, kernel: 3, padding: 1, name: "layer\(exit)")
            let flat = b.append(.flatten, [b.append(.globalAveragePool, [x], name: "pool\(exit)")], name: "flat\(exit)")
            b.exit(b.append(.linear(Linear(outFeatures: 4)), [flat], name: "logits\(exit)"), name: "exit\(exit)")
        }
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("mexit-soak-\(UUID().uuidString).mexit").path
        try Checkpoint.write(try randomModel(try b.build(), seed: 9), to: path)
        return path
    }

    /// Thousands of requests of every kind, good and bad, with reloads in between: every one is answered, and memory stays
    /// where it was after the first thousands.
    @Test(arguments: [["--shed"], ["--ordered", "--scheduler", "batch"]])
    func memoryStaysFlat(flags: [String]) throws {
        let path = try smallModel()
        defer { try? FileManager.default.removeItem(atPath: path) }
        let child = try ChildProcess("mexit-serve", [path, "--threads", "2", "--quiet", "--max-queue", "64"] + flags)
        _ = try child.readLine()
        let tensor = Data((0..<48).map { UInt8($0 * 5) }).base64EncodedString()
        let kinds = [
            #""tensor":"\#(tensor)","dtype":"u8""#, #""tensor":"\#(tensor)","dtype":"u8","anytime":true,"logits":true,"top_k":4"#,
            #""tensor":"\#(tensor)","dtype":"u8","deadline_ms":1"#, #""batch":[{"tensor":"\#(tensor)","dtype":"u8"},{"image":"AAAA"}],"budget_macs":1e9"#,
            #""image":"\#(ServeFixture.png)""#, #""image":"AAAA""#, #""op":"stats""#, #""op":"policy","policy":{"kind":"exit","exit":1}"#, #""policy":7"#,
        ]
        let round = 4500
        var baseline = 0
        for lap in 0..<8 {
            let lines = (0..<round).map { "{\"id\":\(lap * round + $0),\(kinds[$0 % kinds.count])}\n" }
            child.sendLater(Array(lines.joined().utf8))
            var open = Set(lap * round..<(lap + 1) * round)
            while !open.isEmpty {
                let answer = try ServeFixture.object(try child.readLine())
                if answer.flag("final") != false { #expect(open.remove(try #require(answer.integer("id"))) != nil) }
            }
            child.signal(SIGHUP)
            guard let resident = child.residentKiB else { continue }
            if lap == 2 { baseline = resident }
            // Two models may be there for a moment; each takes some hundred KiB with its slots.
            if lap > 2 { #expect(resident < baseline + 8 << 10, "lap \(lap): \(resident) KiB, \(baseline) KiB after the third") }
        }
        child.closeInput()
        #expect(try child.wait() == 0)
        #expect(child.errorText.isEmpty)
    }
}
