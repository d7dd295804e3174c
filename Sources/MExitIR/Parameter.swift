/// What a parameter tensor is to its node.
public enum ParameterRole: String, Hashable, Sendable, CaseIterable {
    case weight, bias
    case runningMean, runningVariance
}

/// A tensor that belongs to a node: which, and of what shape. The numbers are in ``Model``.
public struct ParameterSpec: Hashable, Sendable {
    /// `<node name>.<role>`.
    public let name: String
    /// Index of the node.
    public let node: Int
    public let role: ParameterRole
    /// Row-major: conv `[O, I/groups, kh, kw]`, linear `[O, I]`, all others `[C]`.
    public let dimensions: [Int]

    /// Number of elements.
    public var count: Int { dimensions.reduce(1, *) }

    /// False for the running statistics of a batch norm, which no gradient reaches.
    public var isTrainable: Bool {
        switch role {
        case .weight, .bias: true
        case .runningMean, .runningVariance: false
        }
    }
}

extension Graph {
    /// The parameter tensors of one node, in the order of their roles.
    public func parameters(ofNode index: Int) -> [ParameterSpec] {
        let node = nodes[index]
        func spec(_ role: ParameterRole, _ dimensions: [Int]) -> ParameterSpec {
            ParameterSpec(name: "\(node.name).\(role.rawValue)", node: index, role: role, dimensions: dimensions)
        }
        switch node.operation {
        case .conv2d(let conv):
            let inChannels = shapes[node.inputs[0]].channels
            let weight = spec(.weight, [conv.outChannels, inChannels / conv.groups, conv.kernelHeight, conv.kernelWidth])
            return conv.hasBias ? [weight, spec(.bias, [conv.outChannels])] : [weight]
        case .linear(let linear):
            let weight = spec(.weight, [linear.outFeatures, shapes[node.inputs[0]].count])
            return linear.hasBias ? [weight, spec(.bias, [linear.outFeatures])] : [weight]
        case .batchNorm:
            let channels = [shapes[index].channels]
            return ParameterRole.allCases.map { spec($0, channels) }
        case .input, .activation, .add, .concat, .maxPool, .averagePool, .globalAveragePool, .flatten, .upsample, .resize:
            return []
        }
    }

    /// All parameter tensors, in node order. Complexity: O(nodes).
    public var parameters: [ParameterSpec] { nodes.indices.flatMap { parameters(ofNode: $0) } }
}
