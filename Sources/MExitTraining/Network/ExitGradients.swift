import MExitIR

/// Which gradients of one trainable tensor exist and where they stand.
public struct TensorGradients: Hashable, Sendable {
    /// The losses that reach the tensor, ascending: exit indices, or group numbers when exits were grouped.
    public let exits: [Int]
    /// Floats of one gradient: the tensor's count.
    public let count: Int
    /// First float of the first gradient; the others follow back to back.
    public let offset: Int
}

/// One gradient per trainable tensor and exit that reaches it, in one allocation.
///
/// Only those: a network whose early layers serve seven exits and late ones one needs 1.4 times its parameters, not 7 times.
/// Tensors are those of ``ParameterStore/trainable``, by the same index. A tensor that no exit reaches has no gradient.
/// `backward` overwrites every gradient. The pointers are valid as long as the object lives.
///
/// Unchecked: the layout is constant; threads within one phase touch different tensors.
public final class ExitGradients: @unchecked Sendable {
    /// By trainable tensor.
    public let tensors: [TensorGradients]
    /// Number of losses: exits, or groups of exits.
    public let lossCount: Int
    /// Everything, 64-byte aligned.
    public var values: UnsafeMutableBufferPointer<Float> { buffer.floats }
    private let buffer: AlignedBuffer

    /// - Parameters:
    ///   - parameters: the store whose tensors are meant.
    ///   - groups: which loss each exit belongs to, numbers from 0 without gaps; nil: each exit is a loss of its own.
    ///     All zeros gives joint training: one gradient, that of the summed loss, at a fraction of the cost.
    /// - Throws: ``NetworkError`` when groups do not fit the exits or there is no memory.
    public init(parameters: ParameterStore, groups: [Int]? = nil) throws {
        let reach = try Reach(graph: parameters.graph, groups: groups)
        let (tensors, floats) = try ExitGradients.layout(parameters: parameters, reach: reach)
        self.tensors = tensors
        lossCount = reach.lossCount
        buffer = try AlignedBuffer(count: floats)
    }

    static func layout(parameters: ParameterStore, reach: Reach) throws -> (tensors: [TensorGradients], floats: Int) {
        var end = 0
        var tensors: [TensorGradients] = []
        for tensor in parameters.trainable {
            let exits = reach.losses[tensor.spec.node]
            tensors.append(TensorGradients(exits: exits, count: tensor.count, offset: end))
            let (floats, overflow) = exits.count.multipliedReportingOverflow(by: tensor.count)
            let (next, overflow2) = end.addingReportingOverflow((floats + 15) / 16 * 16)
            guard !overflow, !overflow2 else {
                throw NetworkError("cannot lay out the gradients of '\(tensor.spec.name)': too large for memory")
            }
            end = next
        }
        return (tensors, end)
    }

    /// The gradient of tensor `t` for the `position`-th loss that reaches it (`tensors[t].exits[position]`), row-major.
    public func gradient(_ t: Int, _ position: Int) -> UnsafeMutableBufferPointer<Float> {
        let tensor = tensors[t]
        precondition(tensor.exits.indices.contains(position), "no such gradient")
        let start = tensor.offset + position * tensor.count
        return UnsafeMutableBufferPointer(rebasing: values[start..<start + tensor.count])
    }

    /// Sets all gradients to zero. `backward` needs no such thing.
    public func zero() { values.update(repeating: 0) }
}

/// Which losses depend on which node.
struct Reach {
    /// By node, ascending.
    let losses: [[Int]]
    let lossCount: Int
    /// The loss of each exit.
    let lossOfExit: [Int]

    init(graph: Graph, groups: [Int]?) throws {
        let lossOfExit = groups ?? Array(graph.exits.indices)
        let lossCount = (lossOfExit.max() ?? -1) + 1
        guard lossOfExit.count == graph.exits.count, Set(lossOfExit) == Set(0..<max(lossCount, 0)) else {
            throw NetworkError("exits cannot be grouped as \(lossOfExit): give each of the \(graph.exits.count) exits a group, numbered from 0 without gaps")
        }
        var reached = [Set<Int>](repeating: [], count: graph.nodes.count)
        for (exit, loss) in zip(graph.exits, lossOfExit) { reached[exit.logits].insert(loss) }
        for index in graph.nodes.indices.reversed() where !reached[index].isEmpty {
            for input in graph.nodes[index].inputs { reached[input].formUnion(reached[index]) }
        }
        losses = reached.map { $0.sorted() }
        self.lossCount = lossCount
        self.lossOfExit = lossOfExit
    }
}
