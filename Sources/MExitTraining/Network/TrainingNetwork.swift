import CMExitKernels
import MExitIR
import MExitParallel

/// A network that can be run forward and backward on batches, with one gradient per exit.
///
/// A training step: fill the inputs (``inputPointer(sample:)``), ``forward(count:training:)``, write the derivative of each
/// exit's loss with respect to its logits to ``logitGradients(exit:)``, ``backward(into:)``, then change the parameters. All memory
/// is taken by the initialiser; a step allocates nothing. One caller at a time; the work inside is spread over the pool.
///
/// Results depend on parameters, inputs and `count` alone, to the last bit: not on the number of threads, and evaluation not on
/// what else is in the batch.
public final class TrainingNetwork {
    public let graph: Graph
    public let parameters: ParameterStore
    /// Largest number of samples of a pass.
    public let batch: Int
    /// Layout of one input sample: `[C, H, W]` planes, with a halo that must stay zero.
    public let inputMap: mexit_map
    /// Bytes held beside the parameters.
    public var plannedBytes: Int { keep.bytes }

    private let keep: Keep
    private let pool: WorkerPool
    private let state: PassState
    private let memory: ChunkMemory
    private let input: Rows
    private let logitBuffers: [UnsafeMutablePointer<Float>]
    private let logitGradientBuffers: [UnsafeMutablePointer<Float>]
    private let gradientLayout: [TensorGradients]
    private let training: Program
    private let evaluation: Program
    private let sweep: Program
    private let prepareForward: [() -> Void]
    private let prepareEvaluation: [() -> Void]
    private let prepareBackward: [() -> Void]
    /// A training pass has left the values that backward reads.
    private var canGoBack = false

    /// - Parameters:
    ///   - batch: samples of a pass at most, from 1.
    ///   - groups: the loss that each exit belongs to, as in ``ExitGradients/init(parameters:groups:)``.
    /// - Throws: ``NetworkError`` when sizes are impossible or there is no memory.
    public convenience init(parameters: ParameterStore, batch: Int, pool: WorkerPool, groups: [Int]? = nil) throws {
        try self.init(parameters: parameters, batch: batch, pool: pool, groups: groups, placement: true)
    }

    /// - Parameter placement: false copies at every concat instead of placing its inputs, to compare.
    package init(parameters: ParameterStore, batch: Int, pool: WorkerPool, groups: [Int]?, placement: Bool) throws {
        guard batch >= 1, batch <= 1 << 20 else { throw NetworkError("batch is \(batch); it must be 1 ... \(1 << 20)") }
        graph = parameters.graph
        self.parameters = parameters
        self.batch = batch
        self.pool = pool
        let keep = Keep()
        self.keep = keep
        let plan = try ValuePlan(graph: graph, groups: groups, placement: placement)
        let assembly = try Assembly(parameters: parameters, plan: plan, batch: batch, keep: keep)
        let floats = graph.classCount * batch
        logitBuffers = try graph.exits.map { _ in try keep.allocate(Float.self, count: floats) }
        logitGradientBuffers = try graph.exits.map { _ in try keep.allocate(Float.self, count: floats) }
        try assembly.build(logits: logitBuffers, logitGradients: logitGradientBuffers)
        memory = try ChunkMemory(
            scratchFloats: assembly.scratchFloats, partialFloats: assembly.partialFloats, threads: pool.threads, keep: keep)
        state = assembly.state
        state.partials = memory.partials
        state.partialFloats = memory.partialFloats
        input = assembly.values.rows(0)
        inputMap = assembly.map(0).pointee
        let values = plan.graph.nodes.indices.reduce(0) { $0 + (plan.materialized[$1] ? plan.graph.shapes[$1].count : 0) }
        let block = Program.block(valueBytes: values * MemoryLayout<Float>.stride)
        training = Program(assembly.forward, block: block)
        evaluation = Program(assembly.evaluation, block: block)
        sweep = Program(assembly.backward, block: block)
        prepareForward = assembly.prepareForward
        prepareEvaluation = assembly.prepareEvaluation
        prepareBackward = assembly.prepareBackward
        gradientLayout = try ExitGradients.layout(parameters: parameters, reach: plan.reach).tensors
    }

    /// Pixel (0, 0, 0) of an input sample: write pixel (c, y, x) to `[c * inputMap.channel_stride + y * inputMap.row_stride + x]`
    /// and nothing else. Several threads may fill different samples.
    public func inputPointer(sample: Int) -> UnsafeMutablePointer<Float> {
        precondition(sample >= 0 && sample < batch, "sample outside the batch")
        return input[sample]
    }

    /// Computes the logits of all exits.
    ///
    /// - Parameters:
    ///   - count: samples 0 ..< count, 1 ... batch.
    ///   - training: batch norms use the batch's statistics and update the running ones; needed before ``backward(into:)``.
    ///     Otherwise the running statistics are used.
    ///   - statisticsShare: weight of this batch in the running statistics, above 0 and at most 1.
    public func forward(count: Int, training isTraining: Bool, statisticsShare: Double = 0.1) {
        precondition(count >= 1 && count <= batch, "count is 1 ... batch")
        state.count = count
        state.statisticsShare = statisticsShare
        prepare(isTraining ? prepareForward : prepareEvaluation)
        (isTraining ? training : evaluation).run(count: count, pool: pool, memory: memory)
        canGoBack = isTraining
    }

    /// Logits of the last forward pass, `[count, K]`.
    public func logits(exit: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: logitBuffers[exit], count: state.count * graph.classCount)
    }

    /// Where the caller writes the derivative of the exit's loss with respect to its logits, `[count, K]`, before
    /// ``backward(into:)``.
    public func logitGradients(exit: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: logitGradientBuffers[exit], count: state.count * graph.classCount)
    }

    /// One sweep back through the network: overwrites every gradient with d loss / d tensor, for each loss that reaches the
    /// tensor. The last forward pass must have been a training pass, and the parameters unchanged since.
    public func backward(into gradients: ExitGradients) {
        precondition(canGoBack, "backward follows a forward pass in training mode")
        precondition(gradients.tensors == gradientLayout, "the gradients were made for another network or other groups of exits")
        state.gradients = gradients
        prepare(prepareBackward)
        sweep.run(count: state.count, pool: pool, memory: memory)
        state.gradients = nil
    }

    private func prepare(_ tasks: [() -> Void]) {
        pool.run(tasks.count) { _, index in tasks[index]() }
    }
}
