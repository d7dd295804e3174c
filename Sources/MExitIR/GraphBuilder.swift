/// Writes a graph node by node, with the operations in the order in which they are called.
///
/// Values are node indices. Errors surface in ``build()``: the builder itself only records.
public struct GraphBuilder {
    /// The input's node.
    public let input = 0
    public private(set) var nodes: [Node]
    public private(set) var exits: [Exit] = []
    /// The block that the next nodes belong to.
    public var block = "input"

    public init(input shape: Shape) {
        nodes = [Node(name: "input", block: "input", operation: .input(shape), inputs: [])]
    }

    /// Appends a node and returns its index. `name` is prefixed by nothing: give it whole.
    @discardableResult
    public mutating func append(_ operation: Operation, _ inputs: [Int], name: String) -> Int {
        nodes.append(Node(name: name, block: block, operation: operation, inputs: inputs))
        return nodes.count - 1
    }

    /// Convolution without bias, batch norm, ReLU: `name.conv`, `name.norm`, `name.relu`.
    public mutating func convNormRelu(
        _ x: Int, _ outChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, name: String
    ) -> Int {
        append(
            .activation(.relu), [convNorm(x, outChannels, kernel: kernel, stride: stride, padding: padding, name: name)],
            name: "\(name).relu")
    }

    /// Convolution without bias, batch norm: `name.conv`, `name.norm`.
    public mutating func convNorm(
        _ x: Int, _ outChannels: Int, kernel: Int, stride: Int = 1, padding: Int = 0, name: String
    ) -> Int {
        let conv = append(
            .conv2d(Conv2D(outChannels: outChannels, kernel: kernel, stride: stride, padding: padding)), [x], name: "\(name).conv")
        return append(.batchNorm(epsilon: 1e-5), [conv], name: "\(name).norm")
    }

    /// Makes the node's output the logits of the next exit.
    public mutating func exit(_ logits: Int, name: String) {
        exits.append(Exit(name: name, logits: logits))
    }

    /// - Throws: ``GraphError``, as ``Graph/init(nodes:exits:)``.
    public func build() throws -> Graph { try Graph(nodes: nodes, exits: exits) }
}
