import Foundation
import Testing

@Suite struct ServeFairnessTests {
    /// A stream of requests with deadlines that never ends, so many under way that the server is never idle, and in the midst
    /// of it one request without: it is answered while the stream goes on.
    @Test(arguments: [
        [], ["--workers", "2"], ["--max-batch", "1"], ["--max-batch", "4", "--workers", "2"], ["--scheduler", "batch", "--max-batch", "4"],
    ])
    func aStreamOfDeadlinesStarvesNobody(flags: [String]) throws {
        let (child, _) = try ServeFixture.start(["--policy", "last"] + flags)
        let lines = (0..<4).map { Array((ServeFixture.tensor(1, seed: UInt64($0), #""deadline_ms":1000"#) + "\n").utf8) }
        func urgent(_ count: Int) -> [UInt8] { (0..<count).flatMap { lines[$0 % lines.count] } }
        let underWay = 48
        child.send(urgent(underWay) + Array((ServeFixture.tensor(0) + "\n").utf8) + urgent(16))
        // One more for every answer, until the one without a deadline is answered.
        var overtook = 0
        while overtook < 5000 {
            let answer = try ServeFixture.object(try child.readLine())
            #expect(answer.text("type") == "result")
            if answer.integer("id") == 0 { break }
            overtook += 1
            child.send(urgent(1))
        }
        // Those that were there before it, and eight for each of its five stages and of the places where it waits, each in
        // groups of at most 32; a stream that starves it would fill the 5000.
        #expect(overtook < 2000, "\(overtook) went before it")
        child.closeInput()
        #expect(try child.readLines().count == underWay + 16)
        #expect(try child.wait() == 0)
    }

    /// One at a time: each runs at once and alone, whatever the server was told about groups.
    @Test(arguments: [[], ["--workers", "2"], ["--spin", "0"], ["--max-batch", "64", "--threads", "2"]])
    func aLoneRequestNeverWaitsForCompany(flags: [String]) throws {
        let (child, _) = try ServeFixture.start(["--policy", "last"] + flags)
        for id in 0..<20 {
            child.send(ServeFixture.tensor(id, id % 2 == 0 ? "" : #""deadline_ms":1e6"#))
            #expect(try ServeFixture.object(try child.readLine()).integer("exit") == 4)
        }
        child.send(#"{"op":"stats"}"#)
        let stats = try ServeFixture.object(try child.readLine())
        #expect(stats["group_sizes"] as? [String: Int] == ["1": 100])
        child.closeInput()
        #expect(try child.wait() == 0)
    }
}
