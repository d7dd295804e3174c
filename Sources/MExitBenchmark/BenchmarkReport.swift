import MExitCheckpoint
import MExitCommand
import MExitRuntime

/// Everything that one call of `mexit-bench` measured, as `--json` prints it (keys in snake case; times in seconds, with
/// all samples).
public struct BenchmarkReport: Encodable, Sendable {
    public let producer: String
    public let machine: Machine
    public let settings: BenchmarkSettings
    public let network: Network
    public let peaks: [Peak]
    public internal(set) var runs: [NetworkResult]?
    public internal(set) var kernels: [KernelComparison]?
    public internal(set) var training: [TrainingResult]?
    public internal(set) var loading: LoadingResult?
    public internal(set) var deadlines: [DeadlineResult]?

    /// What was measured.
    public struct Network: Encodable, Sendable {
        public let name: String
        public let isTrained: Bool
        public let inputShape: [Int]
        public let classes: Int
        /// Those that were kept.
        public let exits: [Int]
        /// Of one sample that goes to the last of them.
        public let macs: Int
        public let operations: Int
        public let parameters: Int
        /// From the bytes of a `.mexit` file (f32) in memory to a checked model: checksums, inflating.
        public let open: Samples
        /// Folding, choosing kernels, packing weights, planning memory.
        public let compile: Samples
        /// Memory of one sample under way, and the bound that no plan of the same values can go below.
        public let slotFloats: Int
        public let leastSlotFloats: Int
    }
}

/// What is to be measured.
public struct BenchmarkPlan: Sendable {
    /// Exits to keep; nil for all.
    public var exits: [Int]?
    public var batches: [Int]
    public var threads: [Int]
    /// Inference of the whole network.
    public var measuresRuns: Bool
    /// Every kernel on every convolution.
    public var comparesKernels: Bool
    /// Training steps.
    public var measuresTraining: Bool
    /// Those of all methods, not of joint and deconflicted training alone.
    public var measuresRivals: Bool
    /// From opening the file to answers.
    public var measuresLoading: Bool
    /// Answers under each deadline; 0 for none.
    public var deadlineAnswers: Int
    public var settings: BenchmarkSettings

    /// - Throws: ``BenchmarkError`` naming the number and its range.
    public init(
        exits: [Int]? = nil, batches: [Int], threads: [Int], measuresRuns: Bool = true, comparesKernels: Bool = false,
        measuresTraining: Bool = false, measuresRivals: Bool = false, measuresLoading: Bool = false, deadlineAnswers: Int = 0, settings: BenchmarkSettings
    ) throws {
        guard !batches.isEmpty, batches.allSatisfy((1...65536).contains) else {
            throw BenchmarkError("batch sizes are \(batches); each must be 1 ... 65536")
        }
        guard !threads.isEmpty, threads.allSatisfy((1...1024).contains) else {
            throw BenchmarkError("numbers of threads are \(threads); each must be 1 ... 1024")
        }
        guard (0...10_000_000).contains(deadlineAnswers) else {
            throw BenchmarkError("the number of answers under each deadline is \(deadlineAnswers); it must be 0 ... 10000000")
        }
        self.exits = exits
        self.batches = batches
        self.threads = threads
        self.measuresRuns = measuresRuns
        self.comparesKernels = comparesKernels
        self.measuresTraining = measuresTraining
        self.measuresRivals = measuresRivals
        self.measuresLoading = measuresLoading
        self.deadlineAnswers = deadlineAnswers
        self.settings = settings
    }

    /// Measures.
    ///
    /// - Parameter progress: is told what comes next.
    /// - Throws: ``BenchmarkError`` when results are wrong, and what compiling and training throw.
    public func run(_ subject: BenchmarkSubject, progress: (String) -> Void = { _ in }) throws -> BenchmarkReport {
        let machine = Machine.current()
        progress("FMA peaks")
        let every = Peak.everyISA()
        let peaks = try threads.map { count in
            if count == 1, let best = every.last { return best }
            return try Peak.best(threads: count)
        }
        progress("compiling \(subject.name)")
        let open = try opened(subject)
        let (model, compile) = try compiled(subject)
        var report = BenchmarkReport(
            producer: MExitVersion.producer(tool: "mexit-bench"), machine: machine, settings: settings,
            network: BenchmarkReport.Network(subject, model, open: open, compile: compile), peaks: every + peaks.filter { $0.threads > 1 })
        if measuresRuns {
            let benchmark = try NetworkBenchmark(subject, model, settings: settings, largestBatch: batches.max() ?? 1)
            report.runs = []
            for (count, peak) in zip(threads, peaks) {
                for batch in batches {
                    progress("batch \(batch), threads \(count)")
                    report.runs?.append(try benchmark.measure(batch: batch, threads: count, peak: peak))
                }
            }
        }
        if comparesKernels, let peak = every.last {
            progress("kernels")
            report.kernels = try KernelComparison.all(of: model, batches: batches, settings: settings, peak: peak)
        }
        if measuresTraining {
            report.training = []
            for count in threads {
                for batch in batches {
                    progress("training, batch \(batch), threads \(count)")
                    report.training?.append(
                        try TrainingResult(graph: subject.model.graph, batch: batch, threads: count, rivals: measuresRivals, settings: settings))
                }
            }
        }
        if measuresLoading {
            progress("loading")
            report.loading = try LoadingResult(subject, exits: exits, settings: settings)
        }
        if deadlineAnswers > 0 {
            let benchmark = try DeadlineBenchmark(subject, model, answers: deadlineAnswers)
            report.deadlines = []
            for count in threads {
                progress("deadlines, threads \(count)")
                report.deadlines? += try benchmark.measure(threads: count, processors: machine.processors)
            }
        }
        return report
    }

    /// The time that opening the model's file takes, once its bytes are in memory.
    private func opened(_ subject: BenchmarkSubject) throws -> Samples {
        let file = try Checkpoint.bytes(subject.model)
        var samples = Samples()
        try settings.series { isSample in
            let start = MonotonicTime.seconds
            let model = try Checkpoint.read(bytes: file)
            if isSample { samples.append(MonotonicTime.seconds - start) }
            guard model.tensors.count == subject.model.tensors.count else { throw BenchmarkError("a model lost tensors in its file") }
        }
        return samples
    }

    /// The compiled model and the time that compiling takes.
    private func compiled(_ subject: BenchmarkSubject) throws -> (CompiledModel, Samples) {
        let options = CompileOptions(exits: exits)
        var samples = Samples()
        var model = try CompiledModel(subject.model, options: options)
        try settings.series { isSample in
            let start = MonotonicTime.seconds
            model = try CompiledModel(subject.model, options: options)
            if isSample { samples.append(MonotonicTime.seconds - start) }
        }
        return (model, samples)
    }
}

extension BenchmarkReport.Network {
    init(_ subject: BenchmarkSubject, _ model: CompiledModel, open: Samples, compile: Samples) {
        name = subject.name
        isTrained = subject.isTrained
        inputShape = model.inputShape.dimensions
        classes = model.classCount
        exits = model.exits
        macs = model.cumulativeCosts.last?.macs ?? 0
        operations = model.stageOperations.reduce(0, +)
        parameters = model.cumulativeCosts.last?.parameters ?? 0
        self.open = open
        self.compile = compile
        slotFloats = model.slotFloats
        leastSlotFloats = model.leastSlotFloats
    }
}

extension BenchmarkReport {
    /// Convolutions for which the dispatcher picks a kernel that is slower than the fastest by more than `tolerance` (0.1: a
    /// tenth).
    public func laggingPicks(tolerance: Double) -> [KernelComparison] {
        (kernels ?? []).filter { $0.slowdown > 1 + tolerance }
    }
}
