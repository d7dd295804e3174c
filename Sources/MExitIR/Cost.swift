/// What work costs, counted from shapes alone.
public struct Cost: Hashable, Sendable {
    /// Multiply-adds of convolutions and linear layers: what papers on efficient networks call FLOPs.
    public var macs: Int
    /// 2 x MACs, plus one per output element of every operation that is neither convolution nor linear nor the input.
    public var flops: Int
    /// Elements of trainable parameters.
    public var parameters: Int

    public init(macs: Int = 0, flops: Int = 0, parameters: Int = 0) {
        self.macs = macs
        self.flops = flops
        self.parameters = parameters
    }

    public static let zero = Cost()

    public static func + (a: Cost, b: Cost) -> Cost {
        Cost(macs: a.macs + b.macs, flops: a.flops + b.flops, parameters: a.parameters + b.parameters)
    }

    public static func += (a: inout Cost, b: Cost) { a = a + b }
}

extension Graph {
    /// Multiply-adds of one node for one sample.
    func macs(ofNode index: Int) -> Int {
        switch nodes[index].operation {
        case .conv2d(let conv):
            let taps = shapes[nodes[index].inputs[0]].channels / conv.groups * conv.kernelHeight * conv.kernelWidth
            return shapes[index].count * taps
        case .linear:
            return shapes[index].count * shapes[nodes[index].inputs[0]].count
        case .input, .batchNorm, .activation, .add, .concat, .maxPool, .averagePool, .globalAveragePool, .flatten, .upsample, .resize:
            return 0
        }
    }

    /// Cost of one node for one sample.
    public func cost(ofNode index: Int) -> Cost {
        let parameters = self.parameters(ofNode: index).filter(\.isTrainable).reduce(0) { $0 + $1.count }
        switch nodes[index].operation {
        case .input:
            return .zero
        case .conv2d, .linear:
            let macs = macs(ofNode: index)
            return Cost(macs: macs, flops: 2 * macs, parameters: parameters)
        case .batchNorm, .activation, .add, .concat, .maxPool, .averagePool, .globalAveragePool, .flatten, .upsample, .resize:
            return Cost(flops: shapes[index].count, parameters: parameters)
        }
    }

    /// Cost of each stage for one sample, for a subset of exits (nil: all). What exit `k` costs is the sum up to `k`
    /// (``cumulative(_:)``).
    public func stageCosts(exits subset: [Int]? = nil) throws -> [Cost] {
        try stages(exits: subset).map { $0.nodes.reduce(.zero) { $0 + cost(ofNode: $1) } }
    }

    /// Cumulative cost at each exit when nodes run in the order they are written, block by block, all scales of a block
    /// whether or not an exit needs them: what research code computes and papers report.
    public func eagerCosts() -> [Cost] {
        let running = Graph.cumulative(nodes.indices.map(cost(ofNode:)))
        // An earlier exit's head is not on the way of a later one, but eager execution has run it: the order of nodes says so.
        return exits.map { running[$0.logits] }
    }

    /// Running sums.
    public static func cumulative(_ costs: [Cost]) -> [Cost] {
        var sum = Cost.zero
        return costs.map { cost in
            sum += cost
            return sum
        }
    }
}
