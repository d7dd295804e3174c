import MExitCheckpoint
import MExitIR
import MExitParallel

/// Reads the weights of a checkpoint stage by stage and packs them, on threads of its own and on those that wait for a stage.
///
/// Work comes in items: a tensor to be read and inflated, or, once all tensors of a stage are there and the model is planned, an
/// operation's weights to be packed. Items are taken in the order of stages, those to pack first, so a thread looks at a later
/// stage only when nothing of an earlier one is left to take. Reading begins before the model is planned. A stage's tensors are
/// let go when it is packed.
final class StageLoader: Sendable {
    private enum Item {
        case tensor(stage: Int, index: Int)
        case packing(stage: Int, index: Int)
    }

    /// Where the packed weights go.
    ///
    /// Unchecked: packings are plain values beside pointers to constant kernels.
    private struct Plan: @unchecked Sendable {
        let packings: [[Packing]]
        let weights: AlignedFloats
    }

    private struct State {
        var plan: Plan?
        /// By name: those of stages that are not packed yet.
        var tensors: [String: [Float]] = [:]
        /// The next tensor, and how many of each stage have not been read yet.
        var stage = 0
        var index = 0
        var missing: [Int]
        /// The next operation to pack, and how many of each stage have not been packed yet.
        var packedStage = 0
        var packedIndex = 0
        var unpacked: [Int] = []
        var isStopped = false
    }

    private let reader: CheckpointReader
    /// Per stage, the largest first, so that threads end together.
    private let segments: [[Segment]]
    private let progress: LoadProgress
    private let state: Monitor<State>

    /// Starts to read.
    ///
    /// - Parameters:
    ///   - stages: of the exits that are kept.
    ///   - threads: to start; those that wait for a stage help them.
    init(reader: CheckpointReader, stages: [Stage], threads: Int, progress: LoadProgress) {
        self.reader = reader
        self.progress = progress
        let graph = reader.description.graph
        let byName = Dictionary(reader.container.segments.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        segments = stages.map { stage in
            stage.nodes.flatMap { graph.parameters(ofNode: $0) }.compactMap { byName[$0.name] }.sorted { $0.storedBytes > $1.storedBytes }
        }
        state = Monitor(State(missing: segments.map(\.count)))
        for _ in 0..<max(threads, 1) {
            // Each ends by itself, and owns everything that it touches.
            WorkerThread { [self] in work() }.detach()
        }
    }

    /// Gives the weights their places; from now on stages become ready.
    func planned(_ packings: [[Packing]], weights: AlignedFloats) {
        state.withLock {
            $0.plan = Plan(packings: packings, weights: weights)
            $0.unpacked = packings.map(\.count)
            finishStages(&$0)
        }
        progress.changed()
    }

    /// Ends the threads after the items that they are at; does not wait for them.
    func stop() {
        state.withLock { $0.isStopped = true }
        progress.changed()
    }

    /// Waits for a stage, and works for it meanwhile.
    ///
    /// - Throws: what reading met, when the stage will never come.
    func wait(forStage stage: Int) throws {
        while progress.stages <= stage {
            if let item = take(upTo: stage) { run(item) } else { try progress.wait(forStage: stage, orUntil: { hasItem(upTo: stage) }) }
        }
    }

    private func work() {
        let last = segments.count - 1
        while true {
            if let item = take(upTo: last) {
                run(item)
            } else if state.withLock({ $0.isStopped }) || progress.isOver(stages: segments.count) {
                return
            } else {
                progress.wait(until: { state.withLock(\.isStopped) || progress.isOver(stages: segments.count) || hasItem(upTo: last) })
            }
        }
    }

    private func hasItem(upTo stage: Int) -> Bool { state.withLock { next($0, upTo: stage) != nil } }

    private func take(upTo stage: Int) -> Item? {
        state.withLock { state in
            let item = next(state, upTo: stage)
            switch item {
            case .tensor(let stage, let index): (state.stage, state.index) = (stage, index + 1)
            case .packing(let stage, let index): (state.packedStage, state.packedIndex) = (stage, index + 1)
            case nil: break
            }
            return item
        }
    }

    private func next(_ state: borrowing State, upTo last: Int) -> Item? {
        if state.isStopped { return nil }
        if let plan = state.plan {
            var (stage, index) = (state.packedStage, state.packedIndex)
            while stage <= last, state.missing[stage] == 0 {
                if index < plan.packings[stage].count { return .packing(stage: stage, index: index) }
                (stage, index) = (stage + 1, 0)
                if stage == segments.count { break }
            }
        }
        var (stage, index) = (state.stage, state.index)
        while stage <= last, stage < segments.count {
            if progress.hasFailed(before: stage + 1) { return nil }
            if index < segments[stage].count { return .tensor(stage: stage, index: index) }
            (stage, index) = (stage + 1, 0)
        }
        return nil
    }

    private func run(_ item: Item) {
        switch item {
        case .tensor(let stage, let index):
            let segment = segments[stage][index]
            do {
                let values = try reader.container.values(of: segment)
                let isComplete = state.withLock { state in
                    state.tensors[segment.name] = values
                    state.missing[stage] -= 1
                    finishStages(&state)
                    return state.missing[stage] == 0
                }
                if isComplete { progress.changed() }
            } catch {
                progress.failed(error, stage: stage)
            }
        case .packing(let stage, let index): pack(stage, index)
        }
    }

    private func pack(_ stage: Int, _ index: Int) {
        guard let plan = state.withLock(\.plan) else { return }
        let packer = Packer(graph: reader.description.graph, weights: plan.weights.base) { [self] name in
            guard let values = state.withLock({ $0.tensors[name] }) else {
                throw RuntimeError(.badModel, "tensor '\(name)' is missing; the graph needs it")
            }
            return values
        }
        do {
            try packer.pack(plan.packings[stage][index])
            let isComplete = state.withLock { state in
                state.unpacked[stage] -= 1
                guard state.unpacked[stage] == 0 else { return false }
                for segment in segments[stage] { state.tensors[segment.name] = nil }
                finishStages(&state)
                return true
            }
            if isComplete { progress.changed() }
        } catch {
            progress.failed(error, stage: stage)
        }
    }

    /// Counts the stages that are complete, in their order.
    private func finishStages(_ state: inout State) {
        guard state.plan != nil else { return }
        var ready = progress.stages
        while ready < segments.count, state.missing[ready] == 0, state.unpacked[ready] == 0 {
            ready += 1
            progress.stageLoaded()
        }
    }
}
