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

@Suite struct MessageReaderTests {
    /// What a reader with a limit of ten bytes makes of pieces that are written one by one.
    private func events(_ pieces: [String]) throws -> [MessageReader.Event] { try events(pieces.map { Array($0.utf8) }, .lines) }

    private func events(_ pieces: [[UInt8]], _ framing: Framing) throws -> [MessageReader.Event] {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let wakeUp = try WakeUp()
        var reader = MessageReader(descriptor: ends[0], wakeUp: wakeUp, framing: framing, maximum: 10)
        let writing = ends[1]
        let writer = WorkerThread {
            for piece in pieces {
                piece.withUnsafeBytes { _ = write(writing, $0.baseAddress, $0.count) }
                usleep(2000)
            }
            close(writing)
        }
        var events: [MessageReader.Event] = []
        while true {
            let event = try reader.next()
            events.append(event)
            if event == .endOfInput { break }
        }
        writer.join()
        close(ends[0])
        return events
    }

    private func line(_ text: String) -> MessageReader.Event { .message(Array(text.utf8)) }

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

    @Test func messagesBehindTheirLengthsAreTheSameHoweverTheyArrive() throws {
        // Lengths 3, 0, 10, 11 (too long), 200 (too long, two bytes of length) and 1, the last one written wastefully.
        let bytes: [UInt8] =
            [3] + Array("one".utf8) + [0, 10] + Array("0123456789".utf8) + [11] + Array("01234567890".utf8) + [200, 1]
            + [UInt8](repeating: 0x0A, count: 200) + [0x81, 0x00, 0x78]
        let expected = [line("one"), line(""), line("0123456789"), .tooLong(bytes: 11), .tooLong(bytes: 200), line("x"), .endOfInput]
        #expect(try events([bytes], .lengths) == expected)
        #expect(try events(bytes.map { [$0] }, .lengths) == expected)
        #expect(try events([Array(bytes.prefix(30)), Array(bytes.dropFirst(30))], .lengths) == expected)
    }

    @Test func cutMessagesAndImpossibleLengthsAreLost() throws {
        for bytes: [UInt8] in [[5, 1, 2], [0x80], [1, 9, 0x80], [200, 1, 7], [UInt8](repeating: 0xFF, count: 12)] {
            let all = try events([bytes], .lengths)
            guard case .lost? = all.dropLast().last else {
                Issue.record("\(bytes): \(all)")
                continue
            }
        }
    }

    @Test func stoppingGivesOutWholeLinesAndDropsTheRest() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        let wakeUp = try WakeUp()
        var reader = MessageReader(descriptor: ends[0], wakeUp: wakeUp, framing: .lines, maximum: 10)
        _ = write(ends[1], "one\ntwo\nthr", 11)
        #expect(try reader.next() == line("one"))
        wakeUp.ring()
        #expect(try [reader.next(), reader.next()] == [line("two"), .stopped])
    }
}
