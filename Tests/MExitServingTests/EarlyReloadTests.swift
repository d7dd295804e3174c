#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Logging
import MExitParallel
import Synchronization
import Testing

@testable import MExitServing

@Suite struct EarlyReloadTests {
    private struct NotThere: Error {}

    /// A client that has read that the server is ready may ask at once, before the server has got any further.
    @Test func aReloadBeforeTheServerIsReadyIsMadeThen() throws {
        let (input, output) = (try Pipe(), try Pipe())
        let model = try ServedModel(TestModels.model(), name: "m", version: "1")
        let server = try Server(
            model: model, options: ServerOptions(threads: 1) { _ in .exit(0) }, log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let asked = Atomic(0)
        server.reload {
            asked.add(1, ordering: .relaxed)
            throw NotThere()
        }
        let running = WorkerThread {
            do { try server.run(input: input.reading, output: output.writing) } catch { Issue.record(error) }
            output.closeWriting()
        }
        var text = ""
        var isCounted = false
        for _ in 0..<6000 where !isCounted {
            input.send("{\"id\":1,\"op\":\"stats\"}\n")
            var part = ""
            repeat {
                part = output.receive()
                text += part
            } while !part.isEmpty && !part.hasSuffix("\n")
            isCounted = text.contains("\"failed_reloads\":1")
            usleep(10_000)
        }
        #expect(isCounted && asked.load(ordering: .relaxed) == 1, "\(text.suffix(500))")
        input.closeWriting()
        running.join()
    }

    private final class Pipe: Sendable {
        let reading, writing: Int32
        private let isOpen = Atomic(true)

        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(pipe(&ends) == 0)
            (reading, writing) = (ends[0], ends[1])
        }

        deinit {
            closeWriting()
            close(reading)
        }

        func closeWriting() { if isOpen.exchange(false, ordering: .relaxed) { close(writing) } }
        func send(_ text: String) { _ = text.withCString { write(writing, $0, text.utf8.count) } }

        func receive() -> String {
            var bytes = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(reading, &bytes, bytes.count)
            return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        }
    }
}
