import ArgumentParser
import Logging
import MExitCheckpoint
import MExitCommand
import MExitRuntime
import MExitServing

@main
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mexit-serve",
        abstract: "Serve a multi-exit network: requests on stdin, answers on stdout, one JSON object a line.",
        discussion: """
            docs/protocol.md describes the messages, docs/serving.md how to run it. The end of the input and SIGTERM finish what \
            was read and exit with 0; a closed output ends quietly. SIGHUP loads the file anew without losing a request. Log \
            lines go to stderr.
            """,
        version: MExitVersion.text(tool: "mexit-serve"))

    @Argument(help: ArgumentHelp("The model.", valueName: "file.mexit"))
    var file: String

    @Option(name: .customLong("protocol"), help: "The protocol: ndjson (one JSON object a line) or protobuf (messages of serve.proto behind their lengths).")
    var wire = WireProtocol.ndjson

    @Option(help: ArgumentHelp("When samples leave, for requests that do not say: \(ExitPolicy.textForms).", valueName: "policy"))
    var policy = "confidence:0.9"

    @Option(help: ArgumentHelp("Threads that share the inference of each worker (default: all CPUs, divided by the workers).", valueName: "count"))
    var threads: Int?

    @Option(help: ArgumentHelp("Workers that take requests independently: more throughput with small networks, where threads wait for each other at every layer.", valueName: "count"))
    var workers = 1

    @Option(help: ArgumentHelp("Samples that run a stage together, at most; nobody waits for company.", valueName: "count"))
    var maxBatch = 32

    @Option(help: "How samples run together: stage (at the same stage, whenever they came) or batch (through all stages, for comparison).")
    var scheduler = Scheduling.stage

    @Option(help: ArgumentHelp("Requests under way, at most; then reading stops until some are answered.", valueName: "count"))
    var maxQueue = 256

    @Option(help: ArgumentHelp("Bytes of a line, at most; a longer one gets an error. Takes suffixes k, M, G.", valueName: "bytes"))
    var maxLine = SINumber(Double(16 << 20))

    @Option(help: ArgumentHelp("When all is answered, look for the next request so long before sleeping: waking up takes about as long. 0 saves the CPU time.", valueName: "microseconds"))
    var spin = 50

    @Option(help: ArgumentHelp("Folder below which requests may name files with \"path\" (default: none may).", valueName: "dir"))
    var allowPaths: String?

    @Flag(help: "When --max-queue requests are under way, refuse further ones (overloaded) instead of waiting; refuse what cannot meet its deadline (deadline_unmet) instead of answering late.")
    var shed = false

    @Option(help: ArgumentHelp("Log statistics every so many seconds (default: not).", valueName: "seconds"))
    var statsInterval: Double?

    @Option(help: ArgumentHelp("Write metrics in Prometheus' text format to this file, every --stats-interval or 10 seconds and at the end; it is replaced whole.", valueName: "file"))
    var metricsFile: String?

    @Option(help: "Form of the log lines on stderr: text or json.")
    var logFormat = LogFormat.text

    @Flag(help: "Answer in the order of the requests.")
    var ordered = false

    @Flag(help: "Log errors only.")
    var quiet = false

    func run() throws {
        LoggingSystem.bootstrap { [logFormat] label in
            switch logFormat {
            case .text: StreamLogHandler.standardError(label: label)
            case .json: JSONLogHandler(label: label)
            }
        }
        var log = Logger(label: "mexit-serve")
        log.logLevel = quiet ? .error : .info
        try reportingErrors { try serve(log) }
    }

    private func serve(_ log: Logger) throws {
        let load = { @Sendable [file, modelName] in
            try ServedModel(try Checkpoint.read(path: file), name: modelName, version: MExitVersion.number)
        }
        let model = try load()
        _ = try ExitPolicy(text: policy, for: model.compiled)
        var options = ServerOptions(threads: threads ?? max(1, ServerOptions.availableThreads / max(1, workers))) { [policy] in try ExitPolicy(text: policy, for: $0) }
        options.wire = wire
        options.workers = workers
        options.maximumBatch = maxBatch
        options.scheduling = scheduler
        options.maximumQueue = maxQueue
        options.maximumLineBytes = Int(exactly: maxLine.value.rounded()) ?? .max
        options.isOrdered = ordered
        options.spinMicroseconds = spin
        options.sheds = shed
        options.statisticsInterval = statsInterval
        options.metricsFile = metricsFile
        options.allowedPaths = allowPaths
        // Before any thread is started: all inherit the blocked signals.
        let signals = ServerSignals()
        let server = try Server(model: model, options: options, log: log)
        signals.handle { name in
            log.info("finishing what was read", metadata: ["signal": "\(name)"])
            server.stop()
        } onHangUp: {
            server.reload(load)
        }
        try server.run(input: 0, output: 1)
    }

    /// The file's name without its folder.
    private var modelName: String { file.split(separator: "/").last.map(String.init) ?? file }
}

extension Scheduling: ExpressibleByArgument {}

enum LogFormat: String, ExpressibleByArgument, CaseIterable {
    case text, json
}

extension WireProtocol: ExpressibleByArgument {}
