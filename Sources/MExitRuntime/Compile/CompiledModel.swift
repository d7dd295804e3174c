import CMExitKernels
import MExitCheckpoint
import MExitIR

/// How a model is compiled.
public struct CompileOptions: Hashable, Sendable {
    /// Exits to keep, ascending (indices into the model's exits); nil for all. The others' heads, and everything that only
    /// they need, are not there at all.
    public var exits: [Int]?
    /// Fold batch norms into the convolutions before them (the default). Off, they run on their own: for comparison.
    public var foldsBatchNorm = true

    /// Allow kernels that add in another order than the definition (Winograd; the default). They are chosen per machine, so the last
    /// bits of logits may differ between CPU types; on one machine they are the same in any batch. Off, logits are the same bits on
    /// every machine.
    public var reordersSums = true

    /// - Parameters:
    ///   - exits: to keep; see ``exits``.
    ///   - foldsBatchNorm: see ``foldsBatchNorm``.
    ///   - reordersSums: see ``reordersSums``.
    public init(exits: [Int]? = nil, foldsBatchNorm: Bool = true, reordersSums: Bool = true) {
        self.exits = exits
        self.foldsBatchNorm = foldsBatchNorm
        self.reordersSums = reordersSums
    }
}

/// A model made ready to run: batch norms folded, activations fused, concats turned into placement, kernels chosen for
/// this CPU, weights packed, memory planned. Immutable; share it between as many contexts and threads as you like.
///
/// Unchecked: every stored property is constant. The packed weights of a stage are written once, by `init` or by the one
/// threads that load them, before ``progress`` says so; nobody reads them before they have asked it.
public final class CompiledModel: @unchecked Sendable {
    /// The graph that was compiled, all exits included.
    public let graph: Graph
    /// How bytes of a picture become numbers.
    public let preprocessing: Preprocessing
    /// One name per class, or empty.
    public let classNames: [String]
    /// Named operating points of the model.
    public let policies: [NamedPolicy]
    /// What going deeper brings, where the model was calibrated; ``ExpectedGains`` looks it up.
    public let gainTables: GainTables?
    /// The exits that were kept, as indices into `graph.exits`; a stage ends at each.
    public let exits: [Int]
    /// Cost of each stage for one sample.
    public let stageCosts: [Cost]
    /// What an answer at each kept exit costs in all: running sums of ``stageCosts``.
    public let cumulativeCosts: [Cost]
    /// Graph operations that each stage executes for one sample.
    public let stageOperations: [Int]

    let steps: [Step]
    let stageStarts: [Int]
    /// For each step, how many of its stage's first steps must be done before it: for threads that share a stage.
    let needs: [Int32]
    let weights: AlignedFloats
    let input: MemoryPlan.Place
    let logits: [MemoryPlan.Place]
    let scratchFloats: Int

    /// Floats of memory that one sample takes while it is under way.
    public let slotFloats: Int
    /// The least that any plan of the same buffers could take.
    public let leastSlotFloats: Int

    /// What is to be packed for each stage.
    let packings: [[Packing]]
    /// Which stages have their weights.
    let progress: LoadProgress
    /// What reads the weights, for ``loading(path:options:threads:)``.
    let loader: StageLoader?

    /// Compiles a model.
    ///
    /// - Throws: ``RuntimeError`` or `GraphError` when the exits asked for are not there, or memory is short.
    /// - Complexity: O(parameters); some milliseconds for 3 M parameters.
    public convenience init(_ model: Model, options: CompileOptions = CompileOptions()) throws {
        try model.check()
        try self.init(planning: ModelDescription(model), options: options, reader: nil)
        let packer = Packer(graph: graph, weights: weights.base) { model.tensors[$0] ?? [] }
        for packings in packings {
            try packings.forEach(packer.pack)
            progress.stageLoaded()
        }
    }

    /// Everything but the weights.
    ///
    /// - Parameters:
    ///   - reader: where threads take them from, starting at once; nil when the caller packs them.
    ///   - threads: how many.
    init(planning description: ModelDescription, options: CompileOptions, reader: CheckpointReader?, threads: Int = 1) throws {
        if let unknown = mexit_cpu_disable_error() {
            throw RuntimeError(.badUse, "MEXIT_CPU_DISABLE names '\(String(cString: unknown))'; known are avx512, avx2, neon")
        }
        let graph = description.graph
        let stages = try graph.stages(exits: options.exits)
        let progress = LoadProgress()
        let loader = reader.map { StageLoader(reader: $0, stages: stages, threads: threads, progress: progress) }
        var isPlanned = false
        defer { if !isPlanned { loader?.stop() } }
        let operations = Fusion(graph: graph, stages: stages, foldsBatchNorm: options.foldsBatchNorm).operations(of: stages)
        let logits = stages.map { graph.exits[$0.exit].logits }
        let memory = try MemoryPlan(graph: graph, operations: operations, logits: logits)
        let compiler = try Compiler(
            graph: graph, operations: operations, memory: memory, stageCount: stages.count, reordersSums: options.reordersSums)
        self.graph = graph
        preprocessing = description.preprocessing
        classNames = description.classNames
        policies = description.policies
        gainTables = description.gainTables
        exits = stages.map(\.exit)
        stageCosts = try graph.stageCosts(exits: options.exits)
        cumulativeCosts = Graph.cumulative(stageCosts)
        stageOperations = stages.map(\.nodes.count)
        steps = compiler.steps
        stageStarts = compiler.stageStarts
        needs = stages.indices.flatMap { [steps, stageStarts] in StepNeeds.counts(steps[stageStarts[$0]..<stageStarts[$0 + 1]]) }
        packings = compiler.packings
        weights = try AlignedFloats(count: compiler.weightFloats)
        input = try compiler.place(0)
        self.logits = try logits.map(compiler.place)
        scratchFloats = compiler.scratchFloats
        slotFloats = memory.slotFloats
        leastSlotFloats = memory.leastFloats
        self.progress = progress
        self.loader = loader
        loader?.planned(packings, weights: weights)
        isPlanned = true
    }

    deinit { loader?.stop() }

    /// Waits until a stage has its weights, and helps to load them; one atomic read when it has.
    ///
    /// - Throws: what reading the stage's weights met.
    func wait(forStage stage: Int) throws {
        if progress.stages > stage { return }
        try loader?.wait(forStage: stage)
    }

    /// Number of classes.
    public var classCount: Int { graph.classCount }
    /// Number of stages, one per kept exit.
    public var stageCount: Int { exits.count }
    /// Shape of the input, `[C, H, W]` or `[K]`.
    public var inputShape: Shape { graph.inputShape }
    /// The name of a class, or its number where the model has no names.
    ///
    /// - Parameter label: an index from 0; one that is out of range is shown as a number, too.
    public func className(_ label: Int) -> String {
        classNames.indices.contains(label) ? classNames[label] : String(label)
    }
    /// Steps of a stage.
    func steps(ofStage stage: Int) -> ArraySlice<Step> { steps[stageStarts[stage]..<stageStarts[stage + 1]] }
}
