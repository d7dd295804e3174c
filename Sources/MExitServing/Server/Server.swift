import Logging
import MExitParallel
import MExitRuntime
import Synchronization

/// Serves a model over two file descriptors: requests in, answers out, one JSON object a line each way.
///
/// Threads: the caller's reads and parses; some decode pictures; one runs inference, with a pool of its own; one writes.
/// Requests under way are bounded; when they are as many as they may be, reading stops until answers have been written.
///
/// SIGPIPE must be ignored by the process, so that a closed output is seen as an error of `write`.
public final class Server: Sendable {
    private let model: ServedModel
    private let options: ServerOptions
    private let log: Logger
    private let wakeUp: WakeUp
    private let folder: AllowedFolder?

    /// - Throws: when an option is out of range, or the folder of ``ServerOptions/allowedPaths`` cannot be opened.
    public init(model: ServedModel, options: ServerOptions, log: Logger) throws {
        try options.check()
        self.model = model
        self.options = options
        self.log = log
        wakeUp = try WakeUp()
        folder = try options.allowedPaths.map { try AllowedFolder(path: $0) }
    }

    /// Ends reading: lines that were read whole are still answered, then ``run(input:output:)`` returns. From any thread.
    public func stop() { wakeUp.ring() }

    /// Serves until the input ends, ``stop()`` is called, or nobody reads the output any more.
    ///
    /// - Throws: when memory is short, or input or output fail in another way than by their end.
    public func run(input: Int32, output: Int32) throws {
        let compiled = model.compiled
        let policy = try CheckedPolicy(options.policy, for: compiled)
        let statistics = Statistics(stages: compiled.stageCount)
        let gate = AdmissionGate(maximumRequests: options.maximumQueue, maximumBytes: options.maximumBytesUnderWay, sheds: options.sheds)
        let decodeQueue = WorkQueue<DecodeTask>()
        let inferenceQueue = WorkQueue<PreparedRequest>()
        let writer = OutputWriter(
            descriptor: output, isOrdered: options.isOrdered, server: model, statistics: statistics, onWritten: { gate.leave($0.room) })
        let decoders = (0..<options.decodeThreads).map { _ in
            InputDecoder(model: compiled, folder: folder, limits: options.imageLimits)
        }
        let reporter = try Reporter(options: options, log: log) { [model] in
            (statistics.snapshot(underWay: gate.requestsUnderWay), model)
        }
        let context = try InferenceContext(compiled, slots: options.slots(for: compiled), threads: options.threads)
        let loop = try InferenceLoop(
            context: context, options: options, inbox: inferenceQueue, sink: writer, statistics: statistics)

        switch writer.write(ready: ServerDescription(model: model, policy: policy.policy, protocolName: "ndjson")) {
        case .finished: break
        case .closed: return
        case .failed(let error): throw error
        }
        log.info(
            "serving",
            metadata: [
                "model": "\(model.name)", "exits": "\(compiled.stageCount)", "threads": "\(options.threads)", "slots": "\(context.slotCount)",
            ])

        let outcome = Mutex(OutputWriter.Outcome.finished)
        let writing = WorkerThread { [wakeUp] in
            let result = writer.run()
            outcome.withLock { $0 = result }
            if case .finished = result { return }
            // Nobody can be answered any more: forget what is under way.
            gate.close()
            decodeQueue.abandon()
            inferenceQueue.abandon()
            wakeUp.ring()
        }
        let decoding = decoders.map { decoder in
            let worker = Confined(decoder)
            return WorkerThread { DecodeTask.work(worker.value, from: decodeQueue, to: inferenceQueue, sink: writer) }
        }
        let confined = Confined(loop)
        let inferring = WorkerThread { confined.value.run() }
        let reporting = WorkerThread { reporter.run() }

        let front = RequestFront(
            model: model, options: options, policy: policy, gate: gate, statistics: statistics, decodeQueue: decodeQueue, sink: writer)
        let reading = Result { try read(input, output, front) }
        decodeQueue.close()
        decoding.forEach { $0.join() }
        inferenceQueue.close()
        inferring.join()
        writer.close()
        writing.join()
        reporter.stop()
        reporting.join()
        if case .failed(let error) = outcome.withLock({ $0 }) { throw error }
        let end = try reading.get()
        let counts = statistics.snapshot(underWay: 0)
        log.info(
            "finished",
            metadata: ["reason": "\(end)", "requests": "\(counts.requests)", "answers": "\(counts.answers)", "errors": "\(counts.errorCount)"])
    }

    /// Reads until the end; returns why it ended.
    private func read(_ input: Int32, _ output: Int32, _ front: RequestFront) throws -> String {
        var lines = LineReader(descriptor: input, output: output, wakeUp: wakeUp, maximumLine: options.maximumLineBytes)
        var front = front
        while true {
            switch try lines.next() {
            case .line(let line):
                guard front.accept(line) else { return "output closed" }
            case .tooLong(let bytes):
                guard front.refuse(lineOfBytes: bytes) else { return "output closed" }
            case .endOfInput: return "end of input"
            case .stopped: return "stopped"
            case .outputClosed: return "output closed"
            }
        }
    }
}

/// Hands a value to the one thread that uses it from then on.
///
/// Unchecked: made by the thread that starts the worker, touched only by the worker until it is joined.
private struct Confined<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
