import CMExitKernels
import MExitIR

/// What the graph's nodes become when they are trained: which are computed, which are fused, where their values stand.
struct ValuePlan {
    let graph: Graph
    let reach: Reach
    let layouts: Layouts
    /// By node: some exit needs it.
    let computed: [Bool]
    /// ReLU nodes that take over the batch norm before them: the norm's node, whose own value never stands in memory.
    let fusedNorm: [Int: Int]
    /// By node: its value stands in memory.
    let materialized: [Bool]
    let placement: Placement
    /// By node: something trainable lies at it or before it, so that a gradient has a purpose.
    let needsGradient: [Bool]

    init(graph: Graph, groups: [Int]?, placement enabled: Bool) throws {
        self.graph = graph
        reach = try Reach(graph: graph, groups: groups)
        layouts = try Layouts(graph: graph)
        let computed = reach.losses.map { !$0.isEmpty }
        self.computed = computed
        let fusedNorm = ValuePlan.fuse(graph, computed: computed)
        self.fusedNorm = fusedNorm
        var materialized = computed
        for norm in fusedNorm.values { materialized[norm] = false }
        self.materialized = materialized
        placement = Placement(graph: graph, materialized: materialized, enabled: enabled)
        var needs = [Bool](repeating: false, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            needs[index] = !graph.parameters(ofNode: index).isEmpty || node.inputs.contains { needs[$0] }
        }
        needsGradient = needs
    }

    /// Batch norms that nothing but one ReLU reads.
    private static func fuse(_ graph: Graph, computed: [Bool]) -> [Int: Int] {
        var readers = [Int](repeating: 0, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() where computed[index] {
            for input in node.inputs { readers[input] += 1 }
        }
        for exit in graph.exits { readers[exit.logits] += 1 }
        var fused: [Int: Int] = [:]
        for (index, node) in graph.nodes.enumerated() where computed[index] {
            guard case .activation(.relu) = node.operation, let norm = node.inputs.first, readers[norm] == 1,
                case .batchNorm = graph.nodes[norm].operation
            else { continue }
            fused[index] = norm
        }
        return fused
    }

    /// The nodes whose values the computation of `index` reads.
    func inputs(of index: Int) -> [Int] { graph.nodes[fusedNorm[index] ?? index].inputs }

    /// Nodes in execution order; a fused pair runs at its ReLU.
    var order: [Int] { graph.nodes.indices.filter { $0 != 0 && materialized[$0] } }

    func losses(_ index: Int) -> [Int] { reach.losses[index] }
}

/// Activations of a batch, all kept for the backward pass.
struct ValueMemory {
    /// Layout of each node's value.
    let maps: [UnsafePointer<mexit_map>]
    private let rows: [Rows?]

    init(plan: ValuePlan, batch: Int, keep: Keep) throws {
        let graph = plan.graph
        var maps: [UnsafePointer<mexit_map>] = []
        for shape in graph.shapes { maps.append(try keep.constant(plan.layouts.map(shape))) }
        let roots = graph.nodes.indices.filter { plan.materialized[$0] && plan.placement.root[$0] == $0 }
        let blocks = roots.map { PlaneBlock(map: maps[$0].pointee, planes: graph.shapes[$0].channels, lifetime: 0...0) }
        let arenas = try PlaneArenas(blocks: blocks, batch: batch, keep: keep)
        let blockOf = Dictionary(uniqueKeysWithValues: zip(roots, blocks.indices))
        var rows: [Rows?] = []
        for index in graph.nodes.indices {
            guard plan.materialized[index], let block = blockOf[plan.placement.root[index]] else {
                rows.append(nil)
                continue
            }
            let shift = plan.placement.channel[index] * Int(maps[index].pointee.channel_stride)
            rows.append(try Rows(count: batch, keep: keep) { arenas.pointer(block: block, sample: $0) + shift })
        }
        self.maps = maps
        self.rows = rows
    }

    func rows(_ index: Int) -> Rows {
        guard let rows = rows[index] else { preconditionFailure("node \(index) has no value in memory") }
        return rows
    }
}
