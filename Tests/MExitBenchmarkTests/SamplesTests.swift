import Foundation
import Testing

@testable import MExitBenchmark

@Suite struct SamplesTests {
    @Test func quartilesOfKnownNumbers() {
        let samples = Samples([5, 1, 4, 2, 3])
        #expect(samples.median == 3 && samples.minimum == 1)
        // Quartiles 2 and 4.
        #expect(samples.spread == 2.0 / 3)
        #expect(Samples([1, 2]).median == 1.5)
        #expect(Samples([7]).spread == 0)
        #expect(Samples().median == 0 && Samples().minimum == 0 && Samples().spread == 0)
    }

    @Test func ratesCountTwoOperationsPerMultiplyAdd() {
        let rate = Rate(macs: 3_000_000, seconds: 2e-3, peak: 12)
        #expect(abs(rate.gflops - 3) < 1e-12)
        #expect(abs(rate.shareOfPeak - 0.25) < 1e-12)
        #expect(Rate(macs: 1, seconds: 0, peak: 0).gflops == 0)
    }

    @Test func aSeriesHasItsWarmUpsAndItsSamples() throws {
        var calls: [Bool] = []
        try BenchmarkSettings(repetitions: 4, warmups: 2).series { calls.append($0) }
        #expect(calls == [false, false, true, true, true, true])
        calls = []
        try BenchmarkSettings(repetitions: 1000, warmups: 0, maximumSeconds: 1e-12).series { calls.append($0) }
        #expect(calls == [true, true, true])
    }

    @Test func impossibleNumbersAreRefused() throws {
        #expect(throws: BenchmarkError.self) { try BenchmarkSettings(repetitions: 0) }
        #expect(throws: BenchmarkError.self) { try BenchmarkSettings(warmups: -1) }
        #expect(throws: BenchmarkError.self) { try BenchmarkSettings(maximumSeconds: .nan) }
        let settings = try BenchmarkSettings()
        for (batches, threads) in [([], [1]), ([0], [1]), ([1], []), ([1], [0]), ([65537], [1]), ([1], [1025])] {
            #expect(throws: BenchmarkError.self) { try BenchmarkPlan(batches: batches, threads: threads, settings: settings) }
        }
    }

    @Test func jsonHoldsAllSamples() throws {
        let data = try JSONEncoder().encode(Samples([0.25, 0.5]))
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["seconds"] as? [Double] == [0.25, 0.5])
        #expect(object["medianSeconds"] as? Double == 0.375)
        #expect(object["minimumSeconds"] as? Double == 0.25)
    }
}
