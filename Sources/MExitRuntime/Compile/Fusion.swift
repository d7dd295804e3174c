import MExitIR

/// One or more graph nodes that run as one step: what `Fusion` finds, before memory and kernels are chosen.
struct FusedOperation {
    enum Kind {
        /// Convolution with optional batch norm folded in. Of two inputs, the second is added to the result.
        case conv2d(Conv2D, norm: Int?)
        case linear(Linear)
        /// A batch norm that follows no convolution, or is not to be folded.
        case batchNorm(epsilon: Float)
        case activation(Activation)
        case add
        case concat
        case maxPool(Pool2D)
        case averagePool(Pool2D)
        case globalAveragePool
        case flatten
        case upsample(factor: Int)
        case resize(Resize)
    }

    var kind: Kind
    /// The graph nodes it computes, first to last; the output is that of the last.
    var nodes: [Int]
    /// Values read.
    var inputs: [Int]
    /// A ReLU at its end.
    var endsInRelu = false
    let stage: Int

    var output: Int { nodes[nodes.count - 1] }
}

/// Joins conv + batch norm + add + ReLU (each but the first may be missing), batch norm + ReLU and add + ReLU where the values
/// between have no other reader.
struct Fusion {
    let graph: Graph
    let foldsBatchNorm: Bool
    /// Readers of each value among the nodes that are compiled.
    private var readers: [[Int]]
    private var isLogits: [Bool]
    /// Place of each node in the order of execution; nil when it is not compiled. The input comes first.
    private var order: [Int?]

    init(graph: Graph, stages: [Stage], foldsBatchNorm: Bool) {
        self.graph = graph
        self.foldsBatchNorm = foldsBatchNorm
        readers = [[Int]](repeating: [], count: graph.nodes.count)
        isLogits = [Bool](repeating: false, count: graph.nodes.count)
        order = [Int?](repeating: nil, count: graph.nodes.count)
        order[0] = 0
        var next = 1
        for stage in stages {
            isLogits[graph.exits[stage.exit].logits] = true
            for node in stage.nodes {
                order[node] = next
                next += 1
                for input in graph.nodes[node].inputs { readers[input].append(node) }
            }
        }
    }

    /// The fused operations of all stages, in execution order.
    func operations(of stages: [Stage]) -> [FusedOperation] {
        var absorbed = [Bool](repeating: false, count: graph.nodes.count)
        var result: [FusedOperation] = []
        for (index, stage) in stages.enumerated() {
            for node in stage.nodes where !absorbed[node] {
                let operation = fused(from: node, stage: index)
                for member in operation.nodes { absorbed[member] = true }
                result.append(operation)
            }
        }
        return result
    }

    private func fused(from node: Int, stage: Int) -> FusedOperation {
        var operation = FusedOperation(kind: kind(of: node), nodes: [node], inputs: graph.nodes[node].inputs, stage: stage)
        if foldsBatchNorm, case .conv2d(let conv, _) = operation.kind, let norm = onlyReader(of: node),
            case .batchNorm = graph.nodes[norm].operation
        {
            operation.kind = .conv2d(conv, norm: norm)
            operation.nodes.append(norm)
        }
        if case .conv2d = operation.kind, let (sum, other) = sum(after: operation.output, startedAt: node) {
            operation.nodes.append(sum)
            operation.inputs.append(other)
        }
        if takesRelu(operation.kind), let relu = onlyReader(of: operation.output),
            case .activation(.relu) = graph.nodes[relu].operation
        {
            operation.nodes.append(relu)
            operation.endsInRelu = true
        }
        return operation
    }

    private func onlyReader(of value: Int) -> Int? {
        isLogits[value] || readers[value].count != 1 ? nil : readers[value][0]
    }

    /// The sum of two terms that alone reads `value`, when its other term is there before `node` runs. The term may end an
    /// operation that began before `node`: fused operations run in the place of their first node, so then too it is there.
    private func sum(after value: Int, startedAt node: Int) -> (sum: Int, other: Int)? {
        guard let sum = onlyReader(of: value), case .add = graph.nodes[sum].operation else { return nil }
        let terms = graph.nodes[sum].inputs
        guard terms.count == 2, let other = terms.first(where: { $0 != value }), let begin = order[node], let end = order[other],
            end < begin, graph.shapes[other] == graph.shapes[value]
        else { return nil }
        return (sum, other)
    }

    private func takesRelu(_ kind: FusedOperation.Kind) -> Bool {
        switch kind {
        case .conv2d, .batchNorm, .add: true
        case .linear, .activation, .concat, .maxPool, .averagePool, .globalAveragePool, .flatten, .upsample, .resize: false
        }
    }

    private func kind(of node: Int) -> FusedOperation.Kind {
        switch graph.nodes[node].operation {
        case .input: preconditionFailure("the input belongs to no stage")
        case .conv2d(let conv): .conv2d(conv, norm: nil)
        case .batchNorm(let epsilon): .batchNorm(epsilon: epsilon)
        case .activation(let activation): .activation(activation)
        case .add: .add
        case .concat: .concat
        case .maxPool(let pool): .maxPool(pool)
        case .averagePool(let pool): .averagePool(pool)
        case .globalAveragePool: .globalAveragePool
        case .linear(let linear): .linear(linear)
        case .flatten: .flatten
        case .upsample(let factor): .upsample(factor: factor)
        case .resize(let resize): .resize(resize)
        }
    }
}
