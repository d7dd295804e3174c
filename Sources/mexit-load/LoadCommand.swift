import ArgumentParser
import Foundation
import MExitCommand
import MExitData
import MExitLoad
import MExitServing

@main
struct LoadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mexit-load",
        abstract: "Drives mexit-serve with many requests and reports throughput, latencies, accuracy and multiply-adds saved.",
        discussion: """
            Starts the server whose command stands behind --, and talks to it over pipes:

              mexit-load --data cifar10:DIR --in-flight 64 -- mexit-serve FILE.mexit --policy confidence:0.9

            --in-flight is a closed loop: what the server can do at most. --rate is an open loop: requests come at random moments \
            (a Poisson process) whatever the server does, and latencies count from the moment a request came, even where the pipe \
            did not take it yet. --rate 70% first finds the most with a closed loop, then sends 70 % of that, to the same server.

            Overhead is the latency less the time that the server says the stages took.
            """,
        version: MExitVersion.text(tool: "mexit-load"))

    @Option(help: ArgumentHelp("Labelled images: images:DIR, cifar10:DIR, cifar100:DIR or idx:DIR (default: random bytes).", valueName: "kind:dir"))
    var data: String?

    @Option(help: "Which part of the data: test or train.")
    var split = Split.test

    @Option(help: ArgumentHelp("Different images that are sent, over and over.", valueName: "count"))
    var samples = 1000

    @Option(help: ArgumentHelp("Requests under way in a closed loop.", valueName: "count"))
    var inFlight = 64

    @Option(help: ArgumentHelp("Open loop: requests a second, or N% of what a closed loop reaches.", valueName: "rate"))
    var rate: RateArgument?

    @Option(help: ArgumentHelp("Seconds in which requests come, per loop.", valueName: "seconds"))
    var seconds = 10.0

    @Option(help: ArgumentHelp("Requests at most, per loop.", valueName: "count"))
    var requests: SINumber?

    @Option(help: ArgumentHelp("Answers that are not measured, at the beginning of each loop.", valueName: "count"))
    var warmUp = 100

    @Option(help: ArgumentHelp("Send this deadline with every request.", valueName: "milliseconds"))
    var deadlineMs: Double?

    @Option(name: .customLong("protocol"), help: "The server's protocol, as its own --protocol says.")
    var wire = WireProtocol.ndjson

    @Option(help: "Seed of the random moments and bytes.")
    var seed: UInt64 = 1

    @Flag(help: "Look for answers without sleeping: takes a core, and leaves the time to wake mexit-load out of the latencies.")
    var spin = false

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(parsing: .postTerminator, help: "The server's command.")
    var server: [String]

    func validate() throws {
        guard !server.isEmpty else { throw ValidationError("no server is named; write its command behind --") }
        for (name, value, range) in [("--samples", samples, 1...10_000_000), ("--in-flight", inFlight, 1...1_000_000), ("--warm-up", warmUp, 0...1_000_000_000)]
        where !range.contains(value) {
            throw ValidationError("\(name) is \(value); give \(range.lowerBound) ... \(range.upperBound)")
        }
        guard seconds > 0, seconds <= 1e6 else { throw ValidationError("--seconds is \(seconds); give a number above 0 and at most 1e6") }
        if let requests, requests.value < 1 || requests.value > 1e12 { throw ValidationError("--requests is \(requests.value); give 1 ... 1e12") }
    }

    func run() throws {
        try reportingErrors {
            let process = try ServerProcess(command: server)
            let generator = try LoadGenerator(process, protocol: wire)
            let images = try loadSamples(for: generator)
            generator.prepare(images, deadline: deadlineMs)
            var results: [LoadResult] = []
            switch rate {
            case nil: results.append(try generator.run(options(.closed(inFlight: inFlight))))
            case .perSecond(let rate): results.append(try generator.run(options(.open(rate: rate))))
            case .share(let share):
                results.append(try generator.run(options(.closed(inFlight: inFlight))))
                let most = results[0].throughput
                guard most > 0 else { throw LoadError("nothing was answered in the closed loop; there is no rate to take a share of") }
                results.append(try generator.run(options(.open(rate: most * share))))
            }
            try process.finish()
            let report = LoadReport(server: server, model: generator.model, samples: images, results: results)
            try StandardOutput.write(json ? try jsonText(report) : report.text())
        }
    }

    private func options(_ arrivals: Arrivals) -> LoadGenerator.Options {
        var options = LoadGenerator.Options(
            arrivals: arrivals, seconds: seconds, requests: requests.map { Int($0.value) }, warmUp: warmUp, seed: seed)
        options.spins = spin
        return options
    }

    private func loadSamples(for generator: LoadGenerator) throws -> LoadSamples {
        let shape = generator.inputShape
        guard let data else { return LoadSamples(synthetic: samples, bytes: shape.reduce(1, *), seed: seed) }
        guard shape.count == 3 else { throw ValidationError("the model's input is no picture; leave --data out") }
        let options = LoadOptions(
            imageSize: ImageSize(height: shape[1], width: shape[2]), classNames: generator.classes.isEmpty ? nil : generator.classes)
        return LoadSamples(try DataSource(parsing: data).load(split, options), atMost: samples)
    }
}

/// `500`, `1.5k` or `70%`.
enum RateArgument: ExpressibleByArgument {
    case perSecond(Double)
    /// 0 ... of what a closed loop reaches.
    case share(Double)

    init?(argument: String) {
        if argument.hasSuffix("%") {
            guard let percent = Double(argument.dropLast()), percent > 0, percent <= 1000 else { return nil }
            self = .share(percent / 100)
        } else {
            guard let rate = SINumber(argument: argument), rate.value > 0, rate.value <= 1e9 else { return nil }
            self = .perSecond(rate.value)
        }
    }
}

extension WireProtocol: ExpressibleByArgument {}
