import Testing

@testable import MExitLoad

@Suite struct LoadTests {
    /// Gaps of a Poisson process: mean 1/rate, standard deviation the same, independent of each other.
    @Test func gapsAreExponential() {
        var process = PoissonProcess(rate: 1000, seed: 3)
        var last: Int64 = 0
        let count = 100_000
        let gaps = (0..<count).map { _ in
            let time = process.next()
            defer { last = time }
            return Double(time - last) / 1e9
        }
        let mean = gaps.reduce(0, +) / Double(count)
        let deviation = (gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)).squareRoot()
        // Five standard errors of the mean of exponential numbers; those of the deviation are 1.4 times as large.
        let error = 0.001 / Double(count).squareRoot()
        #expect(abs(mean - 0.001) < 5 * error)
        #expect(abs(deviation - 0.001) < 10 * error)
        let correlation = zip(gaps, gaps.dropFirst()).reduce(0) { $0 + ($1.0 - mean) * ($1.1 - mean) } / (deviation * deviation * Double(count))
        #expect(abs(correlation) < 5 / Double(count).squareRoot())
    }

    @Test func theFirstAnswersAreNotMeasured() {
        var result = LoadResult(LoadGenerator.Options(arrivals: .closed(inFlight: 1), seconds: 1, warmUp: 2), start: 0)
        for id in 0..<6 {
            result.sent(id: id, label: id % 2)
            let answer = LoadAnswer.Result(label: 1, exit: 1, macs: 30, macsSaved: 10, compute: 400_000, isLate: id == 5)
            result.answered(
                id == 4 ? LoadAnswer(id: id, code: "overloaded") : LoadAnswer(id: id, result: answer), latency: 1_000_000,
                at: Int64(id + 1) * 1_000_000_000)
        }
        #expect(result.measured == 4)
        #expect(result.errors == ["overloaded": 1])
        #expect(result.latency.count == 3)
        #expect(abs(Double(result.overhead.percentile(50)) - 600_000) < 1000)
        // From the second answer, at 2 s, to the last, at 6 s.
        #expect(result.throughput == 0.75)
        #expect(result.labelled == 3 && result.correct == 2)
        #expect(result.exits == [0, 3])
        #expect(result.late == 1)
    }

    @Test func answersAreReadHoweverTheyArrive() throws {
        let text = """
            {"type":"result","id":7,"exit":1,"label":3,"macs":30,"macs_saved":10,"compute_ms":0.25,"late":true,"final":true}
            {"type":"error","id":8,"code":"overloaded","message":"x","line":2}

            """
        for size in [1, 7, 1000] {
            var input = InputBytes()
            var wire = NDJSONWire()
            var answers: [LoadAnswer] = []
            for start in stride(from: 0, to: text.utf8.count, by: size) {
                Array(text.utf8.dropFirst(start).prefix(size)).withUnsafeBytes { input.append($0) }
                while let answer = try wire.answer(&input) { answers.append(answer) }
            }
            #expect(answers.map(\.id) == [7, 8])
            #expect(answers[0].result?.compute == 250_000)
            #expect(answers[0].result?.isLate == true)
            #expect(answers[1].code == "overloaded")
        }
    }
}
