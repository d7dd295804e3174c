/// One operation of a graph; its output is known by the node's index.
public struct Node: Hashable, Sendable {
    /// Unique in the graph; parameters are named after it: `name.weight`.
    public var name: String
    /// The part of the network it belongs to ("layer3", "exit2"): what per-block reports and block-wide methods group by.
    public var block: String
    public var operation: Operation
    /// Indices of the nodes it reads, each smaller than its own.
    public var inputs: [Int]

    public init(name: String, block: String, operation: Operation, inputs: [Int]) {
        self.name = name
        self.block = block
        self.operation = operation
        self.inputs = inputs
    }
}

/// A classifier at some depth: the node that gives its logits, a vector of one score per class.
public struct Exit: Hashable, Sendable {
    public var name: String
    /// Index of the node whose output is the logits.
    public var logits: Int

    public init(name: String, logits: Int) {
        self.name = name
        self.logits = logits
    }
}

/// A multi-exit network as data: nodes in an order in which each reads only earlier ones, and exits from the shallowest
/// to the deepest.
///
/// A `Graph` that exists is valid: the initialiser infers every shape and refuses what does not fit. Order of the nodes
/// is the order of a straightforward ("eager") execution; which stage a node belongs to is derived (``Graph/stages(exits:)``).
public struct Graph: Hashable, Sendable {
    public let nodes: [Node]
    public let exits: [Exit]
    /// Output shape of each node.
    public let shapes: [Shape]

    /// Nodes and exits that a graph may have at most: planning memory for the worst graph of this size takes seconds.
    public static let maximumNodes = 1 << 16
    public static let maximumExits = 1 << 10
    /// Values that all nodes together may read at most.
    public static let maximumEdges = 1 << 18

    /// - Throws: ``GraphError`` naming the node and the rule it breaks. Complexity: O(nodes + edges).
    public init(nodes: [Node], exits: [Exit]) throws {
        guard nodes.count <= Graph.maximumNodes else {
            throw GraphError(.badEdge, "the graph has \(nodes.count) nodes; at most \(Graph.maximumNodes) are allowed")
        }
        let edges = nodes.reduce(0) { $0 + $1.inputs.count }
        guard edges <= Graph.maximumEdges else {
            throw GraphError(.badEdge, "the graph's nodes read \(edges) values in all; at most \(Graph.maximumEdges) are allowed")
        }
        guard let first = nodes.first, case .input = first.operation else {
            throw GraphError(.badEdge, "the graph's first node is \(nodes.first?.operation.kind ?? "missing"); it must be its input")
        }
        var names = Set<String>(minimumCapacity: nodes.count)
        var shapes: [Shape] = []
        shapes.reserveCapacity(nodes.count)
        for (index, node) in nodes.enumerated() {
            guard !node.name.isEmpty, names.insert(node.name).inserted else {
                throw GraphError(.badName, "node \(index) is named '\(node.name)'; names must be unique and not empty")
            }
            if index > 0, case .input = node.operation {
                throw GraphError(.badEdge, "\(node.name) is a second input; a graph has one, its first node")
            }
            for input in node.inputs where input < 0 || input >= index {
                throw GraphError(.badEdge, "\(node.name) (node \(index)) reads node \(input); a node reads only earlier nodes, 0 ..< \(index)")
            }
            shapes.append(try node.operation.outputShape(of: node.inputs.map { shapes[$0] }, node: node.name))
        }
        try Graph.check(exits: exits, nodes: nodes, shapes: shapes)
        self.nodes = nodes
        self.exits = exits
        self.shapes = shapes
        try checkSize()
        try checkCarried()
    }

    /// Multiply-adds that a graph may have at most: keeps every later sum of costs inside `Int`.
    public static let maximumMACs = 1 << 50

    private func checkSize() throws {
        var total = 0
        for index in nodes.indices {
            // One node is under 2^31 outputs x 2^31 taps, so this product cannot overflow; the sum is checked each time.
            total += macs(ofNode: index)
            guard total <= Graph.maximumMACs else {
                throw GraphError(.badShape, "the graph needs over \(Graph.maximumMACs) multiply-adds up to \(nodes[index].name); that is more than any machine can run")
            }
        }
    }

    private static func check(exits: [Exit], nodes: [Node], shapes: [Shape]) throws {
        guard !exits.isEmpty, exits.count <= maximumExits else {
            throw GraphError(.badExit, "the graph has \(exits.count) exits; it needs 1 ... \(maximumExits)")
        }
        var names = Set<String>()
        var logits = Set<Int>()
        var classes: Int?
        for (index, exit) in exits.enumerated() {
            guard nodes.indices.contains(exit.logits) else {
                throw GraphError(.badExit, "exit \(index) takes its logits from node \(exit.logits); the graph has nodes 0 ..< \(nodes.count)")
            }
            guard !exit.name.isEmpty, names.insert(exit.name).inserted, logits.insert(exit.logits).inserted else {
                throw GraphError(.badExit, "exit \(index) ('\(exit.name)', node \(exit.logits)) repeats an earlier one; names and nodes of exits are unique")
            }
            guard case .vector(let count) = shapes[exit.logits] else {
                throw GraphError(.badExit, "exit \(index) ('\(exit.name)') ends in \(shapes[exit.logits]); logits are a vector, one score per class")
            }
            guard classes == nil || classes == count else {
                throw GraphError(.badExit, "exit \(index) ('\(exit.name)') gives \(count) scores, the exits before it \(classes ?? 0); all exits tell the same classes apart")
            }
            classes = count
        }
    }

    /// Shape of the input, `[C, H, W]` or `[K]`.
    public var inputShape: Shape { shapes[0] }

    /// Number of classes that every exit tells apart.
    public var classCount: Int { shapes[exits[0].logits].channels }
}
