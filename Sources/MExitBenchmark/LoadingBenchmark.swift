import MExitCheckpoint
import MExitRuntime

/// How long a checkpoint takes from opening to answers, when stages run as soon as they are read.
public struct LoadingResult: Encodable, Sendable {
    /// From opening to the answer of each exit, one sample running through the stages while they load.
    public let exits: [Samples]
    /// From opening until all stages are loaded, with the first exit's answer given on the way and nothing else run.
    public let whole: Samples
    /// The same from opening to that first answer.
    public let first: Samples
    /// From opening until a model that is read as a whole, by all processors, is compiled: in turns with `first`.
    public let atOnce: Samples
    /// The median of `first` over that of `whole`, and over that of `atOnce`.
    public let share: Double
    public let shareAtOnce: Double

    /// - Throws: `CheckpointError` when the file cannot be read.
    init(_ subject: BenchmarkSubject, exits kept: [Int]?, settings: BenchmarkSettings) throws {
        let bytes = subject.isTrained ? [] : try Checkpoint.bytes(subject.model)
        let input = Input.values(subject.inputs(1)[0])
        func reader() throws -> CheckpointReader {
            subject.isTrained ? try CheckpointReader(path: subject.name) : try CheckpointReader(bytes: bytes)
        }
        func open() throws -> CompiledModel { try CompiledModel.loading(reader(), options: CompileOptions(exits: kept)) }
        var exits: [Samples] = []
        var first = Samples()
        var whole = Samples()
        var atOnce = Samples()
        try settings.series { isSample in
            let start = MonotonicTime.seconds
            let model = try open()
            var times: [Double] = []
            let steps = try InferenceContext(model).anytime(input)
            while try steps.step() != nil { times.append(MonotonicTime.seconds - start) }
            if exits.isEmpty { exits = times.map { _ in Samples() } }
            if isSample { for (index, time) in times.enumerated() { exits[index].append(time) } }
        }
        try settings.series { isSample in
            let start = MonotonicTime.seconds
            let model = try open()
            _ = try InferenceContext(model).anytime(input).step()
            let answered = MonotonicTime.seconds - start
            try model.waitUntilLoaded()
            let loaded = MonotonicTime.seconds - start
            let again = MonotonicTime.seconds
            _ = try CompiledModel(reader().readModel(), options: CompileOptions(exits: kept))
            guard isSample else { return }
            first.append(answered)
            whole.append(loaded)
            atOnce.append(MonotonicTime.seconds - again)
        }
        self.exits = exits
        self.first = first
        self.whole = whole
        self.atOnce = atOnce
        share = whole.median > 0 ? first.median / whole.median : 0
        shareAtOnce = atOnce.median > 0 ? first.median / atOnce.median : 0
    }
}
