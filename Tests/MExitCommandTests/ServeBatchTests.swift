import Foundation
import MExitIR
import Testing

@Suite struct ServeBatchTests {
    private func batch(_ count: Int, _ more: String) -> String {
        let samples = (0..<count).map { index in
            ServeFixture.tensor(index, seed: 5).replacingOccurrences(of: "\"id\":\(index),", with: "")
        }
        return #"{"id":"b","batch":[\#(samples.joined(separator: ","))],\#(more)}"#
    }

    private func costs() throws -> [Int] { Graph.cumulative(try ServeFixture.model.get().model.graph.stageCosts()).map(\.macs) }

    /// Window sizes from one sample to all of them; budgets from the least to more than enough.
    @Test(arguments: [1, 4, 64]) func exactModeNeverSpendsMoreThanItsBudget(maxBatch: Int) throws {
        let costs = try costs()
        let count = 20
        let budgets = [count * costs[0], count * costs[0] + 1, count * costs[1] + 12345, count * costs[3], count * costs[4], count * costs[4] * 3]
        let answers = try ServeFixture.answers(
            budgets.map { batch(count, #""budget_macs":\#($0),"mode":"exact""#) }, ["--max-batch", "\(maxBatch)", "--ordered"])
        var spent: [Int] = []
        for (budget, answer) in zip(budgets, answers) {
            #expect(answer.text("type") == "batch")
            let results = try #require(answer["results"] as? [[String: Any]])
            #expect(results.count == count)
            let sum = results.compactMap { $0.integer("macs") }.reduce(0, +)
            #expect(sum == answer.integer("macs"))
            #expect(sum <= budget)
            #expect(try #require(answer.integer("macs_saved")) + sum == count * costs[4])
            spent.append(sum)
        }
        #expect(spent[0] == count * costs[0])
        #expect(spent[4] == count * costs[4])
        // What is left does not pay for one more stage of anybody; a window may leave as much again.
        let dearest = zip(costs.dropFirst(), costs).map { $0 - $1 }.max() ?? 0
        let windows = (count + 2 * maxBatch - 1) / (2 * maxBatch)
        #expect(budgets[2] - spent[2] < dearest * windows)
        #expect(spent == spent.sorted())
    }

    @Test func theLeastConfidentGoDeeper() throws {
        let costs = try costs()
        let count = 16
        let shallow = try ServeFixture.answers([batch(count, #""policy":{"kind":"exit","exit":0}"#)])[0]
        let budget = count * costs[0] + 3 * (costs[1] - costs[0])
        let answer = try ServeFixture.answers([batch(count, #""budget_macs":\#(budget)"#)])[0]
        let confidences = try #require(shallow["results"] as? [[String: Any]]).compactMap { $0.number("confidence") }
        let exits = try #require(answer["results"] as? [[String: Any]]).compactMap { $0.integer("exit") }
        let least = try #require(confidences.indices.min { confidences[$0] < confidences[$1] })
        #expect(exits[least] >= 1)
        let surest = try #require(confidences.indices.max { confidences[$0] < confidences[$1] })
        #expect(exits[surest] == 0)
        #expect(answer.text("mode") == "exact")
    }

    @Test func aBudgetBelowExitZeroNamesTheLeast() throws {
        let costs = try costs()
        let answer = try ServeFixture.answers([batch(4, #""budget_macs":\#(4 * costs[0] - 1)"#)])[0]
        #expect(answer.text("code") == "budget_too_small")
        #expect(answer.text("message")?.contains("\(4 * costs[0])") == true)
    }

    @Test func thresholdModeReportsWhatWasSpent() throws {
        let costs = try costs()
        let answer = try ServeFixture.answers([batch(5, #""mode":"threshold","budget_macs":1e6,"policy":{"kind":"exit","exit":2}"#)])[0]
        #expect(answer.integer("macs") == 5 * costs[2])
        #expect(answer.integer("budget_macs") == 1_000_000)
        #expect(answer.text("mode") == "threshold")
    }

    @Test func aBadSampleIsReportedInItsPlace() throws {
        let good = ServeFixture.tensor(0).replacingOccurrences(of: #""id":0,"#, with: "")
        let answer = try ServeFixture.answers([#"{"batch":[\#(good),{"image":"AAAA"},\#(good)],"budget_macs":1e9}"#])[0]
        let results = try #require(answer["results"] as? [[String: Any]])
        #expect(results.count == 3)
        #expect((results[1]["error"] as? [String: Any])?.text("code") == "bad_input")
        #expect(results[0].integer("label") == results[2].integer("label"))
        #expect(results[0].integer("label") != nil)
    }
}
