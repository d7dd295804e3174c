import CMExitProto
import MExitIR

extension Graph {
    func message(arena: ProtoArena) throws -> UnsafeMutablePointer<Mexit__Graph> {
        let nodeMessages = try nodes.map { node in
            try TextRules.checkName(node.name, "a node")
            try TextRules.checkName(node.block, "the block of node '\(node.name)'")
            let inputs: [UInt32] = try node.inputs.map { try unsigned($0, "\(node.name): an input") }
            return try arena.make(mexit__node__init) { message in
                message.name = arena.string(node.name)
                message.block = arena.string(node.block)
                message.n_inputs = inputs.count
                message.inputs = arena.array(inputs)
                try node.operation.encode(into: &message, node: node.name, arena: arena)
            } as UnsafeMutablePointer<Mexit__Node>?
        }
        let exitMessages = try exits.map { exit in
            try TextRules.checkName(exit.name, "an exit")
            return try arena.make(mexit__exit__init) {
                $0.name = arena.string(exit.name)
                $0.logits = try unsigned(exit.logits, "exit '\(exit.name)': its node")
            } as UnsafeMutablePointer<Mexit__Exit>?
        }
        return arena.make(mexit__graph__init) {
            $0.n_nodes = nodeMessages.count
            $0.nodes = arena.array(nodeMessages)
            $0.n_exits = exitMessages.count
            $0.exits = arena.array(exitMessages)
        }
    }

    init(decoding message: Mexit__Graph) throws {
        // Before anything is built from them; `Graph` would say the same, later.
        guard message.n_nodes <= Graph.maximumNodes, message.n_exits <= Graph.maximumExits else {
            throw CheckpointError(
                .malformed,
                "the graph has \(message.n_nodes) nodes and \(message.n_exits) exits; at most \(Graph.maximumNodes) and \(Graph.maximumExits) are allowed")
        }
        let edges = repeated(message.nodes, message.n_nodes).reduce(0) { $0 + ($1?.pointee.n_inputs ?? 0) }
        guard edges <= Graph.maximumEdges else {
            throw CheckpointError(.malformed, "the graph's nodes read \(edges) values in all; at most \(Graph.maximumEdges) are allowed")
        }
        let nodes = try repeated(message.nodes, message.n_nodes).enumerated().map { index, node in
            guard let node = node?.pointee else { throw CheckpointError(.malformed, "node \(index) is missing") }
            let name = try decodedName(node.name, "node \(index)")
            return Node(
                name: name, block: try decodedName(node.block, "the block of node '\(name)'"),
                operation: try Operation(decoding: node, node: name), inputs: repeated(node.inputs, node.n_inputs).map { Int($0) })
        }
        let exits = try repeated(message.exits, message.n_exits).enumerated().map { index, exit in
            guard let exit = exit?.pointee else { throw CheckpointError(.malformed, "exit \(index) is missing") }
            return Exit(name: try decodedName(exit.name, "exit \(index)"), logits: Int(exit.logits))
        }
        try self.init(nodes: nodes, exits: exits)
    }
}
