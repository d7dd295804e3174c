import MExitIR

/// When each node's work is done: phases, between which threads meet.
///
/// Only a batch norm needs sums over the whole batch, of its input going forward and of its gradient going back. Whatever is
/// ready is done in one phase: all scales of a network side by side, and all readers of a value while it is in cache. A phase
/// is as deep as it takes to come to the next norm.
struct Schedule {
    /// One node's work in one phase.
    struct Item: Hashable {
        let phase: Int
        let node: Int
        /// Batch norms have two: sums over the batch, then what needs the sums.
        let isSums: Bool
    }

    /// In order of execution.
    let forward: [Item]
    let backward: [Item]
    /// By node, going back: the phase in which it first reads the gradient of its value, and that in which it writes the gradients
    /// of its inputs.
    let firstBackward: [Int]
    let lastBackward: [Int]

    init(_ plan: ValuePlan) {
        let graph = plan.graph
        var level = [Int](repeating: 0, count: graph.nodes.count)
        var inputLevel = level
        var forward: [Item] = []
        for index in plan.order {
            let ready = plan.inputs(of: index).map { level[$0] }.max() ?? 0
            inputLevel[index] = ready
            level[index] = plan.isNorm(index) ? ready + 1 : ready
            if plan.isNorm(index) { forward.append(Item(phase: ready, node: index, isSums: true)) }
            forward.append(Item(phase: level[index], node: index, isSums: false))
        }
        // A node's work follows that of its inputs in its own phase, too: nodes are numbered that way.
        self.forward = forward.sorted { ($0.phase, $0.node) < ($1.phase, $1.node) }

        // Back in the mirror image, so that the gradient of a value is made shortly before it is used.
        let last = level.max() ?? 0
        firstBackward = level.map { last - $0 }
        lastBackward = inputLevel.map { last - $0 }
        var backward: [Item] = []
        for index in plan.order {
            if plan.isNorm(index) { backward.append(Item(phase: last - level[index], node: index, isSums: true)) }
            backward.append(Item(phase: last - inputLevel[index], node: index, isSums: false))
        }
        self.backward = backward.sorted { ($0.phase, $1.node) < ($1.phase, $0.node) }
    }
}
