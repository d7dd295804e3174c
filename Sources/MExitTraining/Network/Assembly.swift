import CMExitKernels
import MExitIR

/// What all steps of one network share and `run` sets before each pass.
final class PassState {
    /// Samples in this pass.
    var count = 0
    /// Weight of this pass's batch in the running statistics of batch norms.
    var statisticsShare = BatchNormSteps.momentum
    /// Where backward puts the gradients of parameters.
    var gradients: ExitGradients?
    /// Start of the chunks' partial sums, and floats per chunk.
    var partials: UnsafeMutablePointer<Float>?
    var partialFloats = 0
}

/// Turns a planned graph into steps. Lives only while a network is made.
final class Assembly {
    let parameters: ParameterStore
    let plan: ValuePlan
    let batch: Int
    let keep: Keep
    let values: ValueMemory
    let schedule: Schedule
    let stacks: DenseStacks
    let gathers: GatherPlan
    var gradients: GradientMemory
    let state = PassState()

    /// The passes, phase by phase, in order of execution.
    private(set) var forward: [[Step]] = [[]]
    private(set) var evaluation: [[Step]] = [[]]
    private(set) var backward: [[Step]] = [[]]
    /// Independent preparations before a pass, one per layer: packing weights.
    var prepareForward: [() -> Void] = []
    var prepareEvaluation: [() -> Void] = []
    var prepareBackward: [() -> Void] = []

    private(set) var scratchFloats = 0
    private(set) var partialFloats = 0
    private var partialEnd = 0
    private var tensorOf: [Int: [ParameterRole: Int]] = [:]

    init(parameters: ParameterStore, plan: ValuePlan, batch: Int, keep: Keep) throws {
        self.parameters = parameters
        self.plan = plan
        self.batch = batch
        self.keep = keep
        values = try ValueMemory(plan: plan, batch: batch, keep: keep)
        schedule = Schedule(plan)
        stacks = DenseStacks(plan)
        gathers = GatherPlan(plan, schedule, stacks)
        gradients = try GradientMemory(
            plan: plan, schedule: schedule, stacks: stacks, gathers: gathers, maps: values.maps, batch: batch, keep: keep)
        for (t, range) in parameters.trainable.enumerated() { tensorOf[range.spec.node, default: [:]][range.spec.role] = t }
    }

    var graph: Graph { plan.graph }

    func map(_ index: Int) -> UnsafePointer<mexit_map> { values.maps[index] }

    /// Index of a trainable tensor of a node.
    func tensor(_ node: Int, _ role: ParameterRole) -> Int? { tensorOf[node]?[role] }

    /// Steps that are added from here on belong to this phase.
    func beginForward(phase: Int) {
        while forward.count <= phase { forward.append([]) }
    }

    func beginBackward(phase: Int) {
        if backward.count > phase { return }
        while backward.count <= phase { backward.append([]) }
        // Partial sums are combined before a phase begins, so that it may use the same memory.
        partialEnd = 0
    }

    /// A step of training's forward pass.
    func addForward(_ step: Step) { forward[forward.count - 1].append(step) }

    /// A step of evaluation's, which needs no sums over the batch: all is one phase.
    func addEvaluation(_ step: Step) { evaluation[0].append(step) }

    /// A step that both kinds of forward pass share.
    func bothForward(_ step: Step) {
        addForward(step)
        addEvaluation(step)
    }

    func addBackward(_ step: Step) { backward[backward.count - 1].append(step) }

    func needScratch(_ floats: Int) { scratchFloats = max(scratchFloats, floats) }

    /// Reserves floats of every chunk's partial sums until the end of the phase, and returns their offset.
    func reservePartials(_ floats: Int) -> Int {
        let offset = partialEnd
        partialEnd += (floats + 15) / 16 * 16
        partialFloats = max(partialFloats, partialEnd)
        return offset
    }

    /// Tasks that write the sum over chunks of `count` partial floats over the gradients of tensor `t` for all its losses.
    func reduction(tensor t: Int, offset: Int, count: Int) -> [() -> Void] {
        let state = self.state
        // Pieces that several threads can share, and that stay in cache from one chunk's sum to the next.
        return stride(from: 0, to: count, by: 8192).map { first in
            let piece = min(8192, count - first)
            return {
                guard let gradients = state.gradients, let partials = state.partials else { return }
                let out = gradients.values.baseAddress.unsafelyUnwrapped + gradients.tensors[t].offset + first
                let from = partials + offset + first
                out.update(from: from, count: piece)
                for chunk in 1..<Program.chunks { mexit_axpy_f32(1, from + chunk * state.partialFloats, out, piece) }
            }
        }
    }

    /// Where to write the gradient of `input`, after clearing what only part of the writers has covered; nil when nobody needs it.
    func targets(of input: Int, losses: [Int]) throws -> [GradientMemory.Target]? {
        guard let targets = try gradients.targets(of: input, losses: losses) else { return nil }
        let map = self.map(input).pointee
        let stride = Int(map.channel_stride)
        let origin = Int(map.halo) * Int(map.row_stride) + Int(map.halo)
        for target in targets where !target.clear.isEmpty {
            addBackward(
                Step { chunk in
                    for sample in chunk.first..<chunk.first + chunk.count {
                        for range in target.clear {
                            mexit_zero_f32(target.rows[sample] - origin + range.lowerBound * stride, range.count * stride)
                        }
                    }
                })
        }
        return targets
    }

    /// Pairs of an output gradient and the place for the input's gradient, per loss, of an operation with one input.
    func backwardPairs(of index: Int, input: Int) throws -> [(dy: Rows, dx: GradientMemory.Target)] {
        guard let targets = try targets(of: input, losses: plan.losses(index)) else { return [] }
        return Array(zip(try gradients.gradients(of: index), targets))
    }
}
