/// The nodes that one exit needs and no earlier exit needed, and what crosses its borders.
public struct Stage: Hashable, Sendable {
    /// Index of the exit that ends the stage, in `graph.exits`.
    public let exit: Int
    /// Node indices in execution order. The input node belongs to no stage.
    public let nodes: [Int]
    /// Values computed in earlier stages (or the input, 0) that this stage reads, ascending.
    public let reads: [Int]
    /// Values that are alive behind this stage: computed in it or before, read by a later one, ascending.
    public let carried: [Int]
}

extension Graph {
    /// Splits the graph into stages: a node belongs to the first of the given exits that reaches it, walking back from the
    /// logits. So everything is evaluated as late as possible ("lazy"), and nodes that no given exit reaches are dropped.
    ///
    /// - Parameter exits: indices into ``exits``, ascending, without repeats; nil for all.
    /// - Throws: ``GraphError`` when the list is empty, unordered or out of range. Complexity: O(nodes + edges).
    /// - Source: lazy evaluation as in Huang et al., Multi-Scale Dense Networks, ICLR 2018 (arXiv:1703.09844), section 4.
    public func stages(exits subset: [Int]? = nil) throws -> [Stage] {
        let chosen = try checkedExits(subset)
        return borders(of: lifetimes(chosen), chosen: chosen)
    }

    /// Values that are carried over borders of stages, each counted once per border, that a graph may have at most: bounds the
    /// lists of all stages together.
    public static let maximumCarried = 1 << 20

    func checkCarried() throws {
        let lifetimes = lifetimes(Array(exits.indices))
        let carried = nodes.indices.reduce(0) { $0 + lifetimes.borders(behind: $1).count }
        guard carried <= Graph.maximumCarried else {
            throw GraphError(.badExit, "values are carried over borders of stages \(carried) times; at most \(Graph.maximumCarried) are allowed, so use fewer exits")
        }
    }

    /// The stage that computes each value, and the last that reads it.
    private struct Lifetimes {
        /// nil for what no exit needs, and for the input.
        var stageOf: [Int?]
        /// -1 for what no stage reads.
        var lastReader: [Int]

        /// The stages behind which a value is alive.
        func borders(behind index: Int) -> Range<Int> {
            guard let producer = index == 0 ? 0 : stageOf[index] else { return 0..<0 }
            return producer..<max(producer, lastReader[index])
        }
    }

    private func lifetimes(_ chosen: [Int]) -> Lifetimes {
        var stageOf = [Int?](repeating: nil, count: nodes.count)
        for (stage, exit) in chosen.enumerated() {
            var stack = [exits[exit].logits]
            while let index = stack.popLast() {
                if index == 0 || stageOf[index] != nil { continue }
                stageOf[index] = stage
                stack.append(contentsOf: nodes[index].inputs)
            }
        }
        var lastReader = [Int](repeating: -1, count: nodes.count)
        for (index, node) in nodes.enumerated() {
            guard let stage = stageOf[index] else { continue }
            for input in node.inputs { lastReader[input] = max(lastReader[input], stage) }
        }
        return Lifetimes(stageOf: stageOf, lastReader: lastReader)
    }

    /// The exits of a subset, checked; all of them for nil.
    func checkedExits(_ subset: [Int]?) throws -> [Int] {
        let chosen = subset ?? Array(exits.indices)
        guard !chosen.isEmpty, chosen.allSatisfy(exits.indices.contains), zip(chosen, chosen.dropFirst()).allSatisfy(<) else {
            throw GraphError(.badExit, "exits \(chosen) cannot be taken; the list must be ascending, without repeats, within 0 ..< \(exits.count)")
        }
        return chosen
    }

    private func borders(of lifetimes: Lifetimes, chosen: [Int]) -> [Stage] {
        let stageOf = lifetimes.stageOf
        var members = [[Int]](repeating: [], count: chosen.count)
        var reads = [Set<Int>](repeating: [], count: chosen.count)
        var carried = [[Int]](repeating: [], count: chosen.count)
        for (index, node) in nodes.enumerated() {
            for stage in lifetimes.borders(behind: index) { carried[stage].append(index) }
            guard let stage = stageOf[index] else { continue }
            members[stage].append(index)
            for input in node.inputs where input == 0 || stageOf[input] != stage { reads[stage].insert(input) }
        }
        return chosen.indices.map { Stage(exit: chosen[$0], nodes: members[$0], reads: reads[$0].sorted(), carried: carried[$0]) }
    }
}
