/// Where classifiers stand inside a chain of blocks, and what they are: average pooling to at most `size` x `size`, then one linear
/// layer.
///
/// - Source: Kaya, Hong & Dumitras, Shallow-Deep Networks, ICML 2019 (arXiv:1810.07052), whose six internal classifiers stand at
///   15 ... 90 % of the cost. Theirs pool with a learned mixture of maximum and average; these with the average alone.
public struct InternalClassifiers: Hashable, Sendable {
    /// Shares of the chain's multiply-adds, rising, between 0 and 1: each classifier stands behind the block where the share
    /// passed so far is nearest.
    public var shares = [0.15, 0.3, 0.45, 0.6, 0.75, 0.9]
    /// Numbers of the blocks, counted from 1 (0 is the stem), in place of shares.
    public var blocks: [Int]?
    /// Side of the map that a classifier's linear layer sees.
    public var size = 4

    public init(shares: [Double] = [0.15, 0.3, 0.45, 0.6, 0.75, 0.9], blocks: [Int]? = nil, size: Int = 4) {
        self.shares = shares
        self.blocks = blocks
        self.size = size
    }

    /// The places behind which classifiers stand.
    ///
    /// - Parameter costs: cumulative multiply-adds behind each block; the last classifier stands behind the last block anyway.
    func places(costs: [Int], family: String) throws -> [Int] {
        func require(_ condition: Bool, _ message: @autoclosure () -> String) throws {
            if !condition { throw GraphError(.badConfiguration, "\(family): \(message())") }
        }
        try require((1...64).contains(size), "classifiers see \(size) x \(size) pixels; 1 ... 64 are possible")
        let places: [Int]
        if let blocks {
            places = blocks
        } else {
            try require(shares.allSatisfy { $0 > 0 && $0 < 1 }, "exits stand at \(shares) of the cost; shares lie between 0 and 1")
            let total = Double(costs.last ?? 0)
            places = shares.map { share in
                costs.indices.min { abs(Double(costs[$0]) - share * total) < abs(Double(costs[$1]) - share * total) } ?? 0
            }
        }
        try require(
            places.allSatisfy { $0 >= 0 && $0 < costs.count - 1 },
            "exits stand behind blocks \(places); there are blocks 0 ..< \(costs.count - 1) before the last, which has one anyway")
        try require(
            zip(places, places.dropFirst()).allSatisfy(<), "exits stand behind blocks \(places); each block has one at most, and they rise")
        return places
    }

    /// One classifier on a map.
    func append(exit: Int, on x: Int, shape: Shape, classes: Int, _ builder: inout GraphBuilder) {
        builder.block = "exit\(exit)"
        var x = x
        let side = min(shape.height, shape.width)
        if size == 1 {
            x = builder.append(.globalAveragePool, [x], name: "exit\(exit).pool")
        } else if side / size > 1 {
            x = builder.append(.averagePool(Pool2D(kernel: side / size, stride: side / size)), [x], name: "exit\(exit).pool")
        }
        x = builder.append(.flatten, [x], name: "exit\(exit).flatten")
        x = builder.append(.linear(Linear(outFeatures: classes)), [x], name: "exit\(exit).linear")
        builder.exit(x, name: "exit\(exit)")
    }
}

extension InternalClassifiers: Codable {
    private enum Key: String, CodingKey, CaseIterable { case shares, blocks, size }

    public init(from decoder: Decoder) throws {
        self.init()
        try Architectures.refuseUnknownKeys(in: decoder, known: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        try container.read(.shares, into: &shares)
        blocks = try container.decodeIfPresent([Int].self, forKey: .blocks)
        try container.read(.size, into: &size)
    }
}

/// A network whose blocks follow one another: stem, blocks, classifier.
struct BlockChain {
    typealias Part = (inout GraphBuilder, Int) -> Int

    var family: String
    /// The stem first.
    var blocks: [(name: String, append: Part)]
    /// From the last block's map to the logits.
    var classifier: Part

    /// The graph with classifiers inside.
    ///
    /// Costs decide where classifiers stand, so the bare chain is built first.
    func graph(input: Shape, classes: Int, exits: InternalClassifiers) throws -> Graph {
        var bare = GraphBuilder(input: input)
        var ends: [Int] = []
        for block in blocks { ends.append(block.append(&bare, ends.last ?? bare.input)) }
        bare.exit(classifier(&bare, ends.last ?? bare.input), name: "exit")
        let graph = try bare.build()
        var sum = 0
        let costs = graph.nodes.indices.map { index in
            sum += graph.cost(ofNode: index).macs
            return sum
        }
        let places = try exits.places(costs: ends.map { costs[$0] }, family: family)

        var builder = GraphBuilder(input: input)
        var x = builder.input
        for (number, block) in blocks.enumerated() {
            builder.block = block.name
            x = block.append(&builder, x)
            if let exit = places.firstIndex(of: number) {
                exits.append(exit: exit, on: x, shape: graph.shapes[ends[number]], classes: classes, &builder)
            }
        }
        builder.block = "exit\(places.count)"
        builder.exit(classifier(&builder, x), name: "exit\(places.count)")
        return try builder.build()
    }
}
