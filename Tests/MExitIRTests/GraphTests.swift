import MExitIR
import Testing

@Suite struct GraphTests {
    private func message(_ body: () throws -> Void) -> String {
        do { try body() } catch { return "\(error)" }
        return ""
    }

    private func input(_ shape: Shape = .map(channels: 4, height: 6, width: 5)) -> Node {
        Node(name: "input", block: "input", operation: .input(shape), inputs: [])
    }

    /// A node behind the input, and logits from it.
    private func graph(_ operation: MExitIR.Operation, inputs: [Int] = [0], of shape: Shape = .map(channels: 4, height: 6, width: 5)) throws -> Graph {
        let node = Node(name: "node", block: "b", operation: operation, inputs: inputs)
        let flat = Node(name: "flat", block: "b", operation: .flatten, inputs: [1])
        return try Graph(nodes: [input(shape), node, flat], exits: [Exit(name: "exit", logits: 2)])
    }

    @Test func shapesAreInferred() throws {
        func shape(_ operation: MExitIR.Operation) throws -> [Int] { try graph(operation).shapes[1].dimensions }
        #expect(try shape(.conv2d(Conv2D(outChannels: 8, kernel: 3, stride: 2, padding: 1))) == [8, 3, 3])
        #expect(try shape(.conv2d(Conv2D(outChannels: 8, kernel: 3, dilation: 2, groups: 4))) == [8, 2, 1])
        #expect(try shape(.maxPool(Pool2D(kernel: 3, stride: 2, padding: 1))) == [4, 3, 3])
        #expect(try shape(.averagePool(Pool2D(kernel: 2, stride: 2))) == [4, 3, 2])
        #expect(try shape(.globalAveragePool) == [4, 1, 1])
        #expect(try shape(.upsample(factor: 3)) == [4, 18, 15])
        #expect(try shape(.resize(Resize(height: 2, width: 9, alignsCorners: true))) == [4, 2, 9])
        #expect(try shape(.batchNorm(epsilon: 1e-5)) == [4, 6, 5])
        #expect(try shape(.flatten) == [120])
        #expect(try graph(.add, inputs: [0, 0, 0]).shapes[1].dimensions == [4, 6, 5])
        #expect(try graph(.concat, inputs: [0, 0]).shapes[1].dimensions == [8, 6, 5])
        #expect(try graph(.linear(Linear(outFeatures: 7)), of: .vector(12)).shapes[1].dimensions == [7])
    }

    @Test func impossibleOperationsAreRefused() {
        func refusal(_ operation: MExitIR.Operation, inputs: [Int] = [0]) -> String { message { _ = try graph(operation, inputs: inputs) } }
        #expect(refusal(.conv2d(Conv2D(outChannels: 8, kernel: 9))).contains("below 1x1"))
        #expect(refusal(.conv2d(Conv2D(outChannels: 8, kernel: 3, stride: 0))).contains("stride is 0"))
        #expect(refusal(.conv2d(Conv2D(outChannels: 8, kernel: 0))).contains("kernel height is 0"))
        #expect(refusal(.conv2d(Conv2D(outChannels: 8, kernel: 3, padding: Int.max))).contains("padding"))
        #expect(refusal(.conv2d(Conv2D(outChannels: 8, kernel: 3, groups: 3))).contains("3 groups"))
        #expect(refusal(.conv2d(Conv2D(outChannels: Int.max, kernel: 3))).contains("elements"))
        #expect(refusal(.conv2d(Conv2D(outChannels: 0, kernel: 3))).contains("0 output channels"))
        #expect(refusal(.maxPool(Pool2D(kernel: 2, stride: 2, padding: 2))).contains("padding"))
        #expect(refusal(.batchNorm(epsilon: 0)).contains("epsilon"))
        #expect(refusal(.activation(.leakyRelu(slope: .nan))).contains("slope"))
        #expect(refusal(.linear(Linear(outFeatures: 3))).contains("takes a vector"))
        #expect(refusal(.upsample(factor: 0)).contains("factor is 0"))
        #expect(refusal(.resize(Resize(height: 0, width: 3, alignsCorners: true))).contains("to 0 x 3"))
        #expect(refusal(.resize(Resize(height: 3, width: 65537, alignsCorners: true))).contains("1 ... 65536"))
        #expect(refusal(.resize(Resize(height: 65536, width: 65536, alignsCorners: false))).contains("over the limit"))
        #expect(refusal(.add).contains("1 inputs"))
        #expect(refusal(.flatten, inputs: [0, 0]).contains("2 inputs"))
        #expect(refusal(.input(.vector(3)), inputs: []).contains("second input"))
        #expect(refusal(.flatten, inputs: [1]).contains("reads node 1"))
        #expect(refusal(.flatten, inputs: [-1]).contains("reads node -1"))
        #expect(message { _ = try Shape(dimensions: [1 << 20, 1 << 20, 1]) }.contains("not possible"))
        #expect(message { _ = try Shape(dimensions: [0]) }.contains("not possible"))
        #expect(message { _ = try Shape(dimensions: [1, 2]) }.contains("2 dimensions"))
    }

    @Test func namesAndExitsAreChecked() {
        let flat = Node(name: "flat", block: "b", operation: .flatten, inputs: [0])
        let twin = Node(name: "flat", block: "b", operation: .flatten, inputs: [0])
        let half = Node(name: "half", block: "b", operation: .linear(Linear(outFeatures: 2)), inputs: [1])
        func refusal(_ nodes: [Node], _ exits: [Exit]) -> String { message { _ = try Graph(nodes: nodes, exits: exits) } }
        #expect(refusal([], []).contains("first node"))
        #expect(refusal([flat], []).contains("first node"))
        #expect(refusal([input(), flat, twin], [Exit(name: "e", logits: 1)]).contains("unique"))
        #expect(refusal([input(), flat], []).contains("0 exits"))
        #expect(refusal([input(), flat], [Exit(name: "e", logits: 0)]).contains("logits are a vector"))
        #expect(refusal([input(), flat], [Exit(name: "e", logits: 9)]).contains("node 9"))
        #expect(refusal([input(), flat], [Exit(name: "e", logits: 1), Exit(name: "f", logits: 1)]).contains("repeats"))
        #expect(refusal([input(), flat, half], [Exit(name: "e", logits: 1), Exit(name: "f", logits: 2)]).contains("same classes"))
    }

    @Test func workOverAllBoundsIsRefused() {
        let wide = Shape.map(channels: 1, height: 32768, width: 32768)
        let conv = MExitIR.Operation.conv2d(Conv2D(outChannels: 1, kernel: 1023, padding: 511))
        let nodes = [
            input(wide), Node(name: "a", block: "b", operation: conv, inputs: [0]), Node(name: "b", block: "b", operation: conv, inputs: [1]),
            Node(name: "flat", block: "b", operation: .flatten, inputs: [2]),
        ]
        #expect(message { _ = try Graph(nodes: nodes, exits: [Exit(name: "e", logits: 3)]) }.contains("multiply-adds"))
    }

    /// input -> a -> exit 0; input -> late -> (late + a) -> exit 1; dead reaches nothing.
    private func twoExits() throws -> Graph {
        var b = GraphBuilder(input: .vector(6))
        let late = b.append(.activation(.tanh), [0], name: "late")
        let a = b.append(.activation(.relu), [0], name: "a")
        _ = b.append(.activation(.sigmoid), [a], name: "dead")
        let first = b.append(.linear(Linear(outFeatures: 2)), [a], name: "first")
        b.exit(first, name: "first")
        let sum = b.append(.add, [late, a], name: "sum")
        let second = b.append(.linear(Linear(outFeatures: 2)), [sum], name: "second")
        b.exit(second, name: "second")
        return try b.build()
    }

    @Test func stagesAreDerivedLazily() throws {
        let graph = try twoExits()
        let names = { (indices: [Int]) in indices.map { graph.nodes[$0].name } }
        let stages = try graph.stages()
        #expect(stages.map { names($0.nodes) } == [["a", "first"], ["late", "sum", "second"]])
        #expect(stages.map { names($0.reads) } == [["input"], ["input", "a"]])
        #expect(stages.map { names($0.carried) } == [["input", "a"], []])
        let last = try graph.stages(exits: [1])
        #expect(last.map { names($0.nodes) } == [["late", "a", "sum", "second"]])
        for wrong in [[], [1, 0], [0, 0], [2], [-1]] {
            #expect(throws: GraphError.self) { _ = try graph.stages(exits: wrong) }
        }
    }

    @Test func costsCountWhatTheyPromise() throws {
        let graph = try twoExits()
        // first: 6 x 2 multiply-adds, and 6 elements of relu; parameters 6 x 2 + 2.
        #expect(try graph.stageCosts() == [Cost(macs: 12, flops: 30, parameters: 14), Cost(macs: 12, flops: 36, parameters: 14)])
        #expect(try graph.stageCosts(exits: [1]) == [Cost(macs: 12, flops: 42, parameters: 14)])
        #expect(graph.eagerCosts() == [Cost(macs: 12, flops: 42, parameters: 14), Cost(macs: 24, flops: 72, parameters: 28)])
    }

    @Test func modelsAreChecked() throws {
        let graph = try twoExits()
        let tensors = Dictionary(uniqueKeysWithValues: graph.parameters.map { ($0.name, [Float](repeating: 1, count: $0.count)) })
        #expect(graph.parameters.map(\.name) == ["first.weight", "first.bias", "second.weight", "second.bias"])
        let plain = Preprocessing(mean: Array(repeating: 0, count: 6), std: Array(repeating: 1, count: 6))
        #expect(message { _ = try Model(graph: graph, tensors: tensors, preprocessing: plain) } == "")
        var short = tensors
        short["first.bias"] = [1]
        #expect(message { _ = try Model(graph: graph, tensors: short, preprocessing: plain) }.contains("first.bias"))
        short["first.bias"] = nil
        #expect(message { _ = try Model(graph: graph, tensors: short, preprocessing: plain) }.contains("missing"))
        var long = tensors
        long["other"] = []
        #expect(message { _ = try Model(graph: graph, tensors: long, preprocessing: plain) }.contains("other"))
        #expect(message { _ = try Model(graph: graph, tensors: tensors, preprocessing: Preprocessing(mean: [0], std: [1])) }.contains("6 channels"))
        #expect(message { _ = try Model(graph: graph, tensors: tensors, preprocessing: plain, classNames: ["a"]) }.contains("1 class names"))
        let policy = NamedPolicy(name: "p", measure: "confidence", thresholds: [])
        #expect(message { _ = try Model(graph: graph, tensors: tensors, preprocessing: plain, policies: [policy]) }.contains("thresholds"))
    }
}
