import MExitIR

/// Where each value's planes stand: concat by placement.
///
/// A concat costs nothing when its inputs are written into its buffer in the first place. A value stands in the buffer of one
/// root at a channel offset; the root of a value that no concat takes is the value itself. Later concats go first, so that in a
/// dense chain (x, then x + a, then x + a + b) all share the buffer of the last.
struct Placement {
    /// By node: the node that owns the buffer.
    private(set) var root: [Int]
    /// By node: first channel in the root's buffer.
    private(set) var channel: [Int]

    /// - Parameters:
    ///   - materialized: which nodes have a value in memory at all.
    ///   - enabled: false copies at every concat, to compare.
    init(graph: Graph, materialized: [Bool], enabled: Bool = true) {
        var parent = [(node: Int, channel: Int)?](repeating: nil, count: graph.nodes.count)
        if enabled {
            for index in graph.nodes.indices.reversed() where materialized[index] {
                guard case .concat = graph.nodes[index].operation else { continue }
                Placement.place(inputsOf: index, graph: graph, parent: &parent)
            }
        }
        root = Array(graph.nodes.indices)
        channel = [Int](repeating: 0, count: graph.nodes.count)
        for index in graph.nodes.indices {
            (root[index], channel[index]) = Placement.resolve(index, parent)
        }
    }

    private static func resolve(_ index: Int, _ parent: [(node: Int, channel: Int)?]) -> (Int, Int) {
        var node = index
        var channel = 0
        while let up = parent[node] { (node, channel) = (up.node, channel + up.channel) }
        return (node, channel)
    }

    private static func place(inputsOf concat: Int, graph: Graph, parent: inout [(node: Int, channel: Int)?]) {
        let inputs = graph.nodes[concat].inputs
        if parent[concat] == nil, let whole = adjacent(inputs, graph: graph, parent: parent) {
            // All inputs already stand side by side in a later concat's buffer: so does this one.
            parent[concat] = whole
            return
        }
        var offset = 0
        for input in inputs {
            // The network's input stays apart: callers fill it, and it may be needed as it is by other readers.
            if input != 0, parent[input] == nil, input != concat { parent[input] = (concat, offset) }
            offset += graph.shapes[input].channels
        }
    }

    /// Where the inputs stand when they follow each other without gaps in one buffer.
    private static func adjacent(
        _ inputs: [Int], graph: Graph, parent: [(node: Int, channel: Int)?]
    ) -> (node: Int, channel: Int)? {
        guard let first = inputs.first, parent[first] != nil else { return nil }
        let (root, start) = resolve(first, parent)
        var next = start
        for input in inputs {
            let place = resolve(input, parent)
            guard parent[input] != nil, place.0 == root, place.1 == next else { return nil }
            next += graph.shapes[input].channels
        }
        return (root, start)
    }
}
