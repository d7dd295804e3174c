import MExitRuntime
import Testing

@testable import MExitServing

@Suite struct InboxTests {
    private struct Nowhere: ResponseSink {
        func send(_ items: [OutputItem], directly: Bool) {}
    }

    @Test func deadlinesGoFirstButNotForEver() throws {
        let model = try ServedModel(try TestModels.model(), name: "test", version: "1")
        let policy = try CheckedPolicy(.last(of: model.compiled), for: model.compiled)
        let generation = try Generation(
            model, options: ServerOptions(threads: 1) { .last(of: $0) }, sink: Nowhere(), statistics: Statistics(stages: 3))
        generation.retire()
        generation.join()
        let inbox = Inbox()
        func add(_ id: Int, urgent: Bool) {
            let ticket = Ticket(
                id: .none, generation: generation, sequence: id, line: id, room: AdmissionGate.Room(bytes: 0, isRefusal: false), received: 0)
            let request = ClassifyRequest(policy: policy, deadline: urgent ? 1 : nil)
            inbox.append(PreparedRequest(ticket: ticket, kind: .single(.pixels([]), request)), wakes: .nobody)
        }
        func taken(_ urgent: Int, _ others: Int) -> [Int] { inbox.take(urgent: urgent, others: others).map(\.ticket.sequence) }
        for id in 0..<3 { add(id, urgent: false) }
        for id in 100..<120 { add(id, urgent: true) }
        #expect(taken(2, 1) == [100, 101, 0])
        for id in 102..<110 { #expect(taken(1, 0) == [id]) }
        #expect(taken(1, 0) == [110, 1])
        #expect(taken(0, 0) == [])
        #expect(taken(.max, .max) == Array(111..<120) + [2])
        #expect(inbox.isEmpty)
        // A taking that finds nothing forgets nothing.
        add(3, urgent: false)
        for id in 200..<207 {
            add(id, urgent: true)
            #expect(taken(1, 0) == [id])
            #expect(taken(1, 0) == [])
        }
        add(207, urgent: true)
        #expect(taken(1, 0) == [207])
        #expect(taken(1, 0) == [3])
        inbox.close()
        #expect(!inbox.waitForRequests())
    }
}
