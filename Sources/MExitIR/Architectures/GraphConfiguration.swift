/// Any network, node by node: the family `graph`.
///
/// Its JSON lists the nodes in an order in which each reads only earlier ones, and the exits from the shallowest to the deepest.
/// The input is not in the list: it is called "input". The number of classes is left open, so that one file serves any data.
public struct GraphConfiguration: ArchitectureFamily {
    public static let family = "graph"
    public static let presets: [Architecture] = []

    /// A node of the list.
    struct Entry: Hashable, Sendable {
        var name: String
        var block: String
        /// With 0 for its output channels where ``givesClasses`` holds.
        var operation: Operation
        /// Whether the operation has as many outputs as there are classes.
        var givesClasses: Bool
        /// Names of the nodes it reads.
        var inputs: [String]
    }

    /// An exit of the list.
    struct ExitEntry: Hashable, Sendable, Encodable {
        var name: String
        /// Name of the node whose output is the logits.
        var logits: String
    }

    var inputName = "input"
    var inputBlock = "input"
    var nodes: [Entry] = []
    var exits: [ExitEntry] = []

    public init() {}

    public func graph(input: Shape, classes: Int) throws -> Graph {
        try Self.require(!nodes.isEmpty && !exits.isEmpty, "\(nodes.count) nodes and \(exits.count) exits; 'config' needs both lists")
        var indices = [inputName: 0]
        func index(_ name: String, of reader: String) throws -> Int {
            guard let index = indices[name] else {
                throw GraphError(.badEdge, "\(reader) reads '\(name)', which no node before it is called; the input is called '\(inputName)'")
            }
            return index
        }
        var list = [Node(name: inputName, block: inputBlock, operation: .input(input), inputs: [])]
        for entry in nodes {
            let inputs = try entry.inputs.map { try index($0, of: entry.name) }
            guard indices.updateValue(list.count, forKey: entry.name) == nil else {
                throw GraphError(.badName, "two nodes are called '\(entry.name)'; names must be unique, and '\(inputName)' is the input's")
            }
            list.append(Node(
                name: entry.name, block: entry.block, operation: entry.givesClasses ? entry.operation.giving(classes) : entry.operation,
                inputs: inputs))
        }
        let graph = try Graph(nodes: list, exits: exits.map { Exit(name: $0.name, logits: try index($0.logits, of: "exit '\($0.name)'")) })
        guard graph.classCount == classes else {
            throw GraphError(
                .badExit,
                "exit '\(exits[0].name)' gives \(graph.classCount) scores for \(classes) classes; write \"classes\" for the outputs of the layer that gives them")
        }
        return graph
    }
}

extension GraphConfiguration {
    /// The description of a graph that exists: with its input and number of classes it builds the same graph again.
    ///
    /// The last convolution or linear layer before each exit is taken to give as many outputs as there are classes.
    public init(_ graph: Graph) {
        let givesClasses = graph.classifierNodes.filter { index in
            switch graph.nodes[index].operation {
            case .linear, .conv2d: true
            default: false
            }
        }
        inputName = graph.nodes[0].name
        inputBlock = graph.nodes[0].block
        nodes = graph.nodes.indices.dropFirst().map { index in
            let node = graph.nodes[index]
            let gives = givesClasses.contains(index)
            return Entry(
                name: node.name, block: node.block, operation: gives ? node.operation.giving(0) : node.operation, givesClasses: gives,
                inputs: node.inputs.map { graph.nodes[$0].name })
        }
        exits = graph.exits.map { ExitEntry(name: $0.name, logits: graph.nodes[$0.logits].name) }
    }
}

extension Graph {
    /// The nodes whose shape follows from the number of classes: the last convolution or linear layer before each exit, and what stands
    /// between.
    package var classifierNodes: Set<Int> {
        var found = Set<Int>()
        var open = exits.map(\.logits)
        while let index = open.popLast() {
            guard found.insert(index).inserted else { continue }
            switch nodes[index].operation {
            case .linear, .conv2d, .input, .concat: break
            // These give as many channels as they take; a flattened map does only where it is of one pixel.
            case .batchNorm, .activation, .add, .maxPool, .averagePool, .globalAveragePool, .upsample, .resize, .flatten:
                open += nodes[index].inputs.filter { shapes[$0].channels == classCount }
            }
        }
        return found
    }
}

extension Architecture {
    /// The architecture whose graph this is, with any number of classes.
    public init(name: String, of graph: Graph) {
        self.init(name: name, defaultInput: graph.inputShape, configuration: GraphConfiguration(graph))
    }
}

extension Operation {
    /// The same convolution or linear layer with another number of outputs.
    fileprivate func giving(_ outputs: Int) -> Operation {
        switch self {
        case .conv2d(var conv):
            conv.outChannels = outputs
            return .conv2d(conv)
        case .linear(var linear):
            linear.outFeatures = outputs
            return .linear(linear)
        default: return self
        }
    }
}
