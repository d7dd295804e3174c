import MExitCommand
import MExitServing

/// What `mexit-load` prints.
public struct LoadReport: Encodable, Sendable {
    /// Milliseconds.
    struct Times: Encodable, Sendable {
        var mean, p50, p95, p99, p999, max: Double

        init(_ durations: DurationHistogram) {
            func milliseconds(_ nanoseconds: Double) -> Double { (nanoseconds / 1e3).rounded() / 1e3 }
            mean = milliseconds(durations.mean)
            p50 = milliseconds(Double(durations.percentile(50)))
            p95 = milliseconds(Double(durations.percentile(95)))
            p99 = milliseconds(Double(durations.percentile(99)))
            p999 = milliseconds(Double(durations.percentile(99.9)))
            max = milliseconds(Double(durations.maximum))
        }
    }

    struct Run: Encodable, Sendable {
        /// "closed" or "open".
        var loop: String
        /// Of a closed loop.
        var inFlight: Int?
        /// Of an open loop: requests a second that came in the mean.
        var rate: Double?
        /// Requests, those before measuring began included.
        var requests: Int
        var measured: Int
        var seconds: Double
        var throughput: Double
        var latencyMs: Times
        var computeMs: Times
        var overheadMs: Times
        var errors: [String: Int]
        var late: Int
        /// Share of the labels that are right; nil when no labels are known.
        var accuracy: Double?
        var meanMacs: Double
        var macsSaved: Double
        var exits: [Int]
        /// Resident memory of the server in KiB, before and behind the load.
        var memoryKibBefore: Int?
        var memoryKibAfter: Int?
        /// Microseconds of processor time per request, of all the server's threads and of mexit-load.
        var serverCpuUs: Double?
        var loadCpuUs: Double?

        init(_ result: LoadResult) {
            switch result.arrivals {
            case .closed(let count): (loop, inFlight) = ("closed", count)
            case .open(let rate): (loop, self.rate) = ("open", rate)
            }
            requests = result.requests
            measured = result.measured
            seconds = result.seconds
            throughput = result.throughput
            latencyMs = Times(result.latency)
            computeMs = Times(result.compute)
            overheadMs = Times(result.overhead)
            errors = result.errors
            late = result.late
            accuracy = result.labelled > 0 ? Double(result.correct) / Double(result.labelled) : nil
            let results = max(1, result.latency.count)
            meanMacs = Double(result.macs) / Double(results)
            macsSaved = result.macs + result.macsSaved > 0 ? Double(result.macsSaved) / Double(result.macs + result.macsSaved) : 0
            exits = result.exits
            memoryKibBefore = result.before?.memory
            memoryKibAfter = result.after?.memory
            func microseconds(_ nanoseconds: Double?) -> Double? { nanoseconds.map { ($0 / 10).rounded() / 100 } }
            serverCpuUs = microseconds(result.processorTime(\.serverTime))
            loadCpuUs = microseconds(result.processorTime(\.ownTime))
        }
    }

    var server: [String]
    var model: String
    var data: String
    var runs: [Run]

    public init(server: [String], model: String, samples: LoadSamples, results: [LoadResult]) {
        self.server = server
        self.model = model
        data = samples.name
        runs = results.map(Run.init)
    }

    /// The table for people.
    public func text() -> String {
        var out = "\(model), \(data): \(server.joined(separator: " "))\n\n"
        var table = TextTable([
            .init("load", .left), .init("answers"), .init("seconds"), .init("answers/s"), .init("p50 ms"), .init("p95 ms"), .init("p99 ms"),
            .init("p99.9 ms"), .init("max ms"), .init("overhead p50 us"),
        ])
        var second = TextTable([
            .init("load", .left), .init("accuracy"), .init("mean MACs"), .init("saved"), .init("late"), .init("errors"), .init("memory MiB"), .init("CPU us a request: server"),
            .init("mexit-load"), .init("left at exits", .left),
        ])
        func milliseconds(_ value: Double) -> String { SINumber.fixed(value, digits: 3) }
        func percent(_ value: Double) -> String { SINumber.fixed(value * 100, digits: 2) + " %" }
        for run in runs {
            let name = run.inFlight.map { "\($0) in flight" } ?? "\(SINumber.fixed(run.rate ?? 0, digits: 1))/s"
            table.append([
                name, "\(run.measured)", SINumber.fixed(run.seconds, digits: 2), SINumber.fixed(run.throughput, digits: 1),
                milliseconds(run.latencyMs.p50), milliseconds(run.latencyMs.p95), milliseconds(run.latencyMs.p99),
                milliseconds(run.latencyMs.p999), milliseconds(run.latencyMs.max), SINumber.fixed(run.overheadMs.p50 * 1000, digits: 0),
            ])
            let errors = run.errors.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            second.append([
                name, run.accuracy.map(percent) ?? "", SINumber.format(run.meanMacs, digits: 2), percent(run.macsSaved), "\(run.late)",
                errors.isEmpty ? "0" : errors, run.memoryKibAfter.map { SINumber.fixed(Double($0) / 1024, digits: 1) } ?? "",
                run.serverCpuUs.map { SINumber.fixed($0, digits: 1) } ?? "", run.loadCpuUs.map { SINumber.fixed($0, digits: 1) } ?? "", run.exits.map(String.init).joined(separator: " "),
            ])
        }
        out += table.render() + "\n" + second.render()
        return out
    }
}
