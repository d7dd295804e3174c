#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import MExitParallel
import Testing

@testable import MExitServing

@Suite struct LineReaderTests {
    /// What a reader with a limit of ten bytes makes of pieces that are written one by one.
    private func events(_ pieces: [String], stops: Bool = false) throws -> [LineReader.Event] {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let wakeUp = try WakeUp()
        var reader = LineReader(descriptor: ends[0], wakeUp: wakeUp, maximumLine: 10)
        let writing = ends[1]
        let writer = WorkerThread {
            for piece in pieces {
                var piece = piece
                piece.withUTF8 { _ = write(writing, $0.baseAddress, $0.count) }
                usleep(2000)
            }
            if stops { wakeUp.ring() } else { close(writing) }
        }
        var events: [LineReader.Event] = []
        while true {
            let event = try reader.next()
            events.append(event)
            if event == .endOfInput || event == .stopped { break }
        }
        writer.join()
        close(ends[0])
        if stops { close(writing) }
        return events
    }

    private func line(_ text: String) -> LineReader.Event { .line(Array(text.utf8)) }

    @Test func linesAreTheSameHoweverTheyArrive() throws {
        let text = "one\n\ntwo words\n0123456789\n01234567890\nlong long long long\nend"
        let expected = [line("one"), line(""), line("two words"), line("0123456789"), .tooLong(bytes: 11), .tooLong(bytes: 19), line("end"), .endOfInput]
        #expect(try events([text]) == expected)
        #expect(try events(text.map(String.init)) == expected)
        #expect(try events([String(text.prefix(20)), String(text.dropFirst(20))]) == expected)
    }

    @Test func aLongLineIsCountedOverManyReads() throws {
        let long = String(repeating: "x", count: 50_000)
        #expect(try events([long, long, long, "\nshort\n"]) == [.tooLong(bytes: 150_000), line("short"), .endOfInput])
        #expect(try events([long, long]) == [.tooLong(bytes: 100_000), .endOfInput])
        #expect(try events([]) == [.endOfInput])
    }

    @Test func stoppingGivesOutWholeLinesAndDropsTheRest() throws {
        #expect(try events(["one\ntwo\nthr"], stops: true) == [line("one"), line("two"), .stopped])
    }
}
