import DequeModule
import MExitServing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Drives one server from one thread: sends what is due, takes what comes, never waits for one of the two alone.
public final class LoadGenerator {
    /// What a load looks like.
    public struct Options: Sendable {
        public var arrivals: Arrivals
        /// Seconds in which requests come; what is under way then is still awaited.
        public var seconds: Double
        /// At most so many requests, the first ones that are not measured included; nil for no limit.
        public var requests: Int?
        /// So many answers are awaited before measuring begins.
        public var warmUp: Int
        /// Of the random moments.
        public var seed: UInt64
        /// Look for answers without sleeping: takes a core, and leaves the time to wake this process out of the latencies.
        public var spins = false

        public init(arrivals: Arrivals, seconds: Double, requests: Int? = nil, warmUp: Int = 0, seed: UInt64 = 1) {
            self.arrivals = arrivals
            self.seconds = seconds
            self.requests = requests
            self.warmUp = warmUp
            self.seed = seed
        }
    }

    /// Seconds without any answer while some are owed, after which the server is given up.
    private static let patience: Int64 = 60

    private let server: ServerProcess
    private var wire: any LoadWire
    private var input = InputBytes()
    private var out: [UInt8] = []
    private var written = 0
    private var chunk = [UInt8](repeating: 0, count: 1 << 16)
    private var samples: LoadSamples?
    private var nextID = 0
    /// When each request that is under way came, by its id.
    private var came: [Int: Int64] = [:]
    /// Name, input shape and classes that the server told.
    public private(set) var model = ""
    public private(set) var inputShape: [Int] = []
    public private(set) var classes: [String] = []

    /// Waits until the server is ready.
    ///
    /// - Throws: ``LoadError`` when it ends or says something else.
    public init(_ server: ServerProcess, protocol name: WireProtocol) throws {
        self.server = server
        wire = name.client
        while true {
            if let ready = try wire.ready(&input) {
                model = ready.model
                inputShape = ready.shape
                classes = ready.classes
                return
            }
            try wait(nanoseconds: LoadGenerator.patience * 1_000_000_000, writes: false)
            guard try read() else { throw LoadError("the server ended before it was ready") }
        }
    }

    /// - Parameter deadline: milliseconds, sent with every request.
    public func prepare(_ samples: LoadSamples, deadline: Double? = nil) {
        wire.prepare(samples, deadline: deadline)
        self.samples = samples
    }

    /// Runs one load to its end: every request has been answered.
    ///
    /// - Throws: ``LoadError`` when the server ends early, stops answering, or answers what was not asked.
    public func run(_ options: Options) throws -> LoadResult {
        guard let samples, !samples.tensors.isEmpty else { throw LoadError("there are no samples to send") }
        let start = MonotonicTime.now()
        let end = start + Int64(options.seconds * 1e9)
        var result = LoadResult(options, start: start)
        result.before = LoadResult.Resources(server)
        var poisson = PoissonProcess(rate: options.arrivals.rate ?? 1, seed: options.seed)
        var next = start + poisson.next()
        /// Moments at which requests came that the pipe has not taken yet.
        var due = Deque<Int64>()
        var sent = 0
        var lastAnswer = start
        func mayCome() -> Bool { options.requests.map { sent + due.count < $0 } ?? true }
        while true {
            var now = MonotonicTime.now()
            switch options.arrivals {
            case .closed(let inFlight):
                while came.count + due.count < inFlight, now < end, mayCome() { due.append(now) }
            case .open:
                while next <= now, next < end, mayCome() {
                    due.append(next)
                    next = start + poisson.next()
                }
            }
            // Encoded only as the pipe takes them: a server that holds back must not fill our memory.
            while let moment = due.first, out.count - written < 1 << 16 {
                due.removeFirst()
                came[nextID] = moment
                wire.append(id: nextID, sample: sent % samples.tensors.count, to: &out)
                result.sent(id: nextID, label: samples.labels.isEmpty ? nil : samples.labels[sent % samples.labels.count])
                nextID += 1
                sent += 1
            }
            try write()
            let over = now >= end || !mayCome() || (next >= end && options.arrivals.rate != nil)
            if over, due.isEmpty, came.isEmpty {
                result.after = LoadResult.Resources(server)
                return result
            }
            now = MonotonicTime.now()
            guard came.isEmpty || now - lastAnswer < LoadGenerator.patience * 1_000_000_000 else {
                throw LoadError("the server has not answered for \(LoadGenerator.patience) s; \(came.count) requests are under way")
            }
            let untilNext = options.spins ? 0 : options.arrivals.rate != nil && !over ? next - now : 1_000_000_000
            try wait(nanoseconds: max(0, untilNext), writes: written < out.count)
            guard try read() else { throw LoadError("the server ended with \(came.count) requests under way") }
            while let answer = try wire.answer(&input) {
                lastAnswer = MonotonicTime.now()
                guard let moment = came.removeValue(forKey: answer.id) else { throw LoadError("the server answered \(answer.id), which is not under way") }
                result.answered(answer, latency: lastAnswer - moment, at: lastAnswer)
            }
        }
    }

    /// Waits until there is something to read, room to write if `writes`, or the time is over.
    private func wait(nanoseconds: Int64, writes: Bool) throws {
        // `poll` counts milliseconds: too coarse for the moments of an open loop.
        var time = timeval()
        time.tv_sec = .init(nanoseconds / 1_000_000_000)
        time.tv_usec = .init(nanoseconds % 1_000_000_000 / 1000)
        var reading = fd_set(containing: server.output)
        var writing = writes ? fd_set(containing: server.input) : fd_set()
        let count = select(max(server.input, server.output) + 1, &reading, &writing, nil, &time)
        if count < 0, errno != EINTR { throw LoadError("cannot wait for the server: \(String(cString: strerror(errno)))") }
    }

    /// Takes what has come; false at the end of the server's output.
    private func read() throws -> Bool {
        let count = chunk.withUnsafeMutableBytes { systemRead(server.output, $0.baseAddress, $0.count) }
        if count > 0 { chunk.withUnsafeBytes { input.append(UnsafeRawBufferPointer(rebasing: $0[..<count])) } }
        if count < 0, errno != EAGAIN, errno != EINTR { throw LoadError("cannot read from the server: \(String(cString: strerror(errno)))") }
        return count != 0
    }

    /// Gives the pipe what it takes.
    private func write() throws {
        guard written < out.count else { return }
        let count = out.withUnsafeBytes { systemWrite(server.input, $0.baseAddress.map { $0 + written }, $0.count - written) }
        if count < 0, errno != EAGAIN, errno != EINTR { throw LoadError("cannot write to the server: \(String(cString: strerror(errno)))") }
        written += max(count, 0)
        if written == out.count {
            out.removeAll(keepingCapacity: true)
            written = 0
        }
    }
}

extension Arrivals {
    var rate: Double? { if case .open(let rate) = self { rate } else { nil } }
}

extension WireProtocol {
    var client: any LoadWire {
        switch self {
        case .ndjson: NDJSONWire()
        case .protobuf: ProtobufWire()
        }
    }
}

extension fd_set {
    /// What the macros FD_ZERO and FD_SET do, which Swift does not see. Descriptors below FD_SETSIZE, which a process with a
    /// handful of them has.
    fileprivate init(containing descriptor: Int32) {
        self.init()
        withUnsafeMutableBytes(of: &self) { bits in
            let byte = Int(descriptor) / 8
            if bits.indices.contains(byte) { bits[byte] |= 1 << UInt8(descriptor % 8) }
        }
    }
}

/// The system's calls, which the methods of these names would hide.
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer?, _ count: Int) -> Int { read(descriptor, bytes, count) }
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(descriptor, bytes, count) }
