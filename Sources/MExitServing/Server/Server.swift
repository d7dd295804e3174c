#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Logging
import MExitParallel
import MExitRuntime
import Synchronization

/// Serves a model over two file descriptors: requests in, answers out.
///
/// Threads: the caller's reads, parses and decodes tensors; some decode pictures; one runs inference, with a pool of its own;
/// one writes. Requests under way are bounded; when they are as many as they may be, reading stops until answers have been
/// written.
///
/// SIGPIPE must be ignored by the process, so that a closed output is seen as an error of `write`.
public final class Server: Sendable {
    private struct Reloading {
        /// Nil before the server is ready and behind its end.
        var session: Session?
        var thread: WorkerThread?
        var isUnderWay = false
        /// The last one asked for, until it begins.
        var next: Load?
        var hasEnded = false
    }

    public typealias Load = @Sendable () throws -> ServedModel

    private let model: ServedModel
    private let options: ServerOptions
    private let log: Logger
    private let wakeUp: WakeUp
    private let folder: AllowedFolder?
    private let reloading = Mutex(Reloading())

    /// - Throws: when an option is out of range, or the folder of ``ServerOptions/allowedPaths`` cannot be opened.
    public init(model: ServedModel, options: ServerOptions, log: Logger) throws {
        try options.check()
        self.model = model
        self.options = options
        self.log = log
        wakeUp = try WakeUp()
        folder = try options.allowedPaths.map { try AllowedFolder(path: $0) }
    }

    /// Ends reading: messages that were read whole are still answered, then ``run(input:output:)`` returns. From any thread.
    public func stop() { wakeUp.ring() }

    /// Exchanges the model while requests are served; none is lost: those under way are answered by the old model, later ones
    /// by the new. Returns at once; loading, compiling and measuring go on in a thread of their own. A model that cannot be
    /// loaded, or that has another input or other classes, is logged as an error and counted, and the old one stays.
    ///
    /// Called while a reload is under way, it makes another one behind it; called before the server is ready, it waits for that; only
    /// the last of several that wait is made. From any thread.
    public func reload(_ load: @escaping Load) {
        reloading.withLock { state in
            guard !state.hasEnded else { return log.warning("a reload was asked for behind the end of the requests; it is not made") }
            state.next = load
            begin(&state)
        }
    }

    private func begin(_ state: inout Reloading) {
        guard let session = state.session, state.next != nil, !state.isUnderWay else { return }
        state.isUnderWay = true
        state.thread?.join()
        state.thread = WorkerThread { [self] in
            while let load = nextLoad() { exchange(load, session) }
        }
    }

    private func nextLoad() -> Load? {
        reloading.withLock { state in
            defer { state.next = nil }
            state.isUnderWay = state.next != nil
            return state.next
        }
    }

    private func exchange(_ load: () throws -> ServedModel, _ session: Session) {
        do {
            try session.exchange(try load())
        } catch {
            session.statistics.recordReload(succeeded: false)
            log.error("the model was not reloaded; the old one stays", metadata: ["reason": "\(error)"])
        }
    }

    /// Serves until the input ends, ``stop()`` is called, or nobody reads the output any more.
    ///
    /// - Throws: when memory is short, or input or output fail in another way than by their end.
    public func run(input: Int32, output: Int32) throws {
        let session = try Session(model, options: options, output: output, log: log)
        let outcome = Mutex(OutputWriter.Outcome.finished)
        defer { session.drain() }
        let decoders = (0..<options.decodeThreads).map { _ in InputDecoder(folder: folder, limits: options.imageLimits) }
        let front = try RequestFront(
            session, options: options, inputs: InputDecoder(folder: folder, limits: options.imageLimits), log: log)
        let reporter = try Reporter(options: options, log: log) { (session.snapshot(), session.generation.model) }
        switch session.writer.write(ready: front.description) {
        case .finished: break
        case .closed: return
        case .failed(let error): throw error
        }
        log.info(
            "serving",
            metadata: ["model": "\(model.name)", "exits": "\(model.compiled.stageCount)", "workers": "\(options.workers)", "threads": "\(options.threads)"])
        // A client that has read that the server is ready may have asked for a reload already.
        reloading.withLock { state in
            state.session = session
            state.hasEnded = false
            begin(&state)
        }
        for descriptor in [input, output] { enlargePipe(descriptor) }

        let writing = WorkerThread { [wakeUp] in
            let result = session.writer.run()
            outcome.withLock { $0 = result }
            if case .finished = result { return }
            session.abandon()
            wakeUp.ring()
        }
        let decoding = decoders.map { decoder in
            let worker = Confined(decoder)
            return WorkerThread { while let task = session.decodeQueue.next() { task.run(worker.value, sink: session.writer) } }
        }
        let reporting = WorkerThread { reporter.run() }

        let reading = Result { try read(input, output, front) }
        let reload = reloading.withLock { state in
            state.session = nil
            state.next = nil
            state.hasEnded = true
            return state.thread
        }
        session.decodeQueue.close()
        decoding.forEach { $0.join() }
        reload?.join()
        session.drain()
        session.writer.close()
        writing.join()
        reporter.stop()
        reporting.join()
        if case .failed(let error) = outcome.withLock({ $0 }) { throw error }
        let end = try reading.get()
        let counts = session.snapshot()
        log.info(
            "finished",
            metadata: ["reason": "\(end)", "requests": "\(counts.requests)", "answers": "\(counts.answers)", "errors": "\(counts.errorCount)"])
    }

    private func settled(_ front: inout RequestFront, _ messages: inout MessageReader) throws -> MessageReader.Event {
        front.settle(hasInput: messages.hasInput)
        return try messages.next(spin: front.isIdle ? Int64(options.spinMicroseconds) * 1000 : 0)
    }

    /// Reads until the end; returns why it ended.
    private func read(_ input: Int32, _ output: Int32, _ front: RequestFront) throws -> String {
        var messages = MessageReader(
            descriptor: input, output: output, wakeUp: wakeUp, framing: options.wire.framing, maximum: options.maximumLineBytes)
        var front = front
        while true {
            switch try messages.buffered() ?? settled(&front, &messages) {
            case .message(let message):
                guard front.accept(message) else { return "output closed" }
            case .tooLong(let bytes):
                let what = options.wire == .ndjson ? "line" : "message"
                let error = RequestError(.tooLarge, "the \(what) has \(bytes) bytes; at most \(options.maximumLineBytes) are read (--max-line)")
                guard front.refuse(error) else { return "output closed" }
            case .lost(let reason):
                guard front.refuse(RequestError(.badJSON, reason)) else { return "output closed" }
            case .endOfInput: return "end of input"
            case .stopped: return "stopped"
            case .outputClosed: return "output closed"
            }
        }
    }
}

/// Makes a pipe hold more than the 64 KiB that it has by default: sixteen requests of 4 KiB, for which two processes would
/// otherwise wake each other again and again. No harm where it is no pipe, or the system does not allow it.
private func enlargePipe(_ descriptor: Int32) {
    #if os(Linux)
        // F_SETPIPE_SZ, which the headers keep behind _GNU_SOURCE.
        _ = fcntl(descriptor, 1031, 1 << 18)
    #endif
}
