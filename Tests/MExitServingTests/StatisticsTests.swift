import MExitRuntime
import Testing
import _MExitTestSupport

@testable import MExitServing

@Suite struct StatisticsTests {
    @Test func percentilesAreThoseOfTheSortedDurations() {
        var generator = SeededGenerator(seed: 11)
        for (digits, tolerance) in [(DurationHistogram.Digits.two, 0.01), (.three, 0.001)] {
            var histogram = DurationHistogram(digits: digits)
            #expect(histogram.percentile(99) == 0)
            // From a microsecond to ten seconds, evenly over the orders of magnitude.
            let durations = (0..<5000).map { _ in Int64(1e3 * Double.random(in: 1...10, using: &generator) * [1, 10, 1e3, 1e6].randomElement(using: &generator)!) }
            durations.forEach { histogram.record(nanoseconds: $0) }
            let sorted = durations.sorted()
            for percent in [1.0, 50, 95, 99, 99.9, 100] {
                let exact = Double(sorted[max(0, Int((percent / 100 * 5000).rounded(.up)) - 1)])
                // A bucket is as wide as the tolerance says, and 512 ns at the low end.
                #expect(abs(Double(histogram.percentile(percent)) - exact) <= tolerance * exact + 512)
            }
            #expect(histogram.maximum == sorted.last)
            #expect(histogram.sum == sorted.reduce(0, +))
            #expect(histogram.count == 5000)
            #expect(histogram.count(atMost: Int64.max / 2) == 5000)
        }
    }

    @Test func absurdDurationsAreCountedAllTheSame() {
        var histogram = DurationHistogram()
        histogram.record(nanoseconds: -5)
        histogram.record(nanoseconds: .max)
        #expect(histogram.count == 2)
        #expect(histogram.maximum == 3_600_000_000_000)
    }

    @Test func prometheusTextIsWellFormed() throws {
        let model = try ServedModel(try TestModels.model(), name: "a\"b\\c\nd", version: "1")
        let statistics = Statistics(stages: 3)
        statistics.recordRequest()
        statistics.recordError(.overloaded)
        statistics.recordRun(stage: 1, samples: 3, nanoseconds: 2_000_000)
        let text = statistics.snapshot(underWay: 2).prometheus(model: model)
        var kinds: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: false)
            if line.hasPrefix("# TYPE") { kinds[words[2]] = words[3] }
            if line.hasPrefix("#") { continue }
            // A metric that was announced, and a number.
            let name = line.prefix { $0 != "{" && $0 != " " }
            let base = ["_bucket", "_sum", "_count"].reduce(name) { $0.hasSuffix($1) && kinds[$0] == nil ? $0.dropLast($1.count) : $0 }
            #expect(kinds[base] != nil, "\(line)")
            #expect(Double(words[words.count - 1]) != nil, "\(line)")
        }
        for expected in [
            #"mexit_model_info{model="a\"b\\c\nd",version="1"} 1"#, #"mexit_errors_total{code="overloaded"} 1"#, #"mexit_errors_total{code="bad_json"} 0"#,
            "mexit_requests_total 1", "mexit_requests_under_way 2.0", #"mexit_group_size_bucket{le="2"} 0"#, #"mexit_group_size_bucket{le="4"} 1"#,
            "mexit_group_size_sum 3", #"mexit_stage_seconds_total{stage="1"} 0.002"#,
        ] {
            #expect(text.split(separator: "\n").contains { $0 == expected }, "\(expected)")
        }
    }

    @Test func aFullGateRefusesUpToItsBoundAndThenWaits() throws {
        let gate = AdmissionGate(maximumRequests: 2, maximumBytes: 100, sheds: true)
        let first = try #require(gate.enter(bytes: 90))
        // By bytes full.
        let refused = try #require(gate.enter(bytes: 20))
        #expect(!first.isRefusal && refused == AdmissionGate.Room(bytes: 0, isRefusal: true))
        #expect(gate.requestsUnderWay == 1)
        gate.leave([first])
        let second = try #require(gate.enter(bytes: 1000))  // alone, it may be larger
        #expect(!second.isRefusal)
        _ = try #require(gate.enter(bytes: 1))
        // Two refusals are unwritten: the next one waits until the gate closes.
        gate.close()
        #expect(gate.enter(bytes: 1) == nil)
    }
}
