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
        var stageOf = [Int?](repeating: nil, count: nodes.count)
        for (stage, exit) in chosen.enumerated() {
            var stack = [exits[exit].logits]
            while let index = stack.popLast() {
                if index == 0 || stageOf[index] != nil { continue }
                stageOf[index] = stage
                stack.append(contentsOf: nodes[index].inputs)
            }
        }
        return borders(of: stageOf, chosen: chosen)
    }

    /// The exits of a subset, checked; all of them for nil.
    func checkedExits(_ subset: [Int]?) throws -> [Int] {
        let chosen = subset ?? Array(exits.indices)
        guard !chosen.isEmpty, chosen.allSatisfy(exits.indices.contains), zip(chosen, chosen.dropFirst()).allSatisfy(<) else {
            throw GraphError(.badExit, "exits \(chosen) cannot be taken; the list must be ascending, without repeats, within 0 ..< \(exits.count)")
        }
        return chosen
    }

    private func borders(of stageOf: [Int?], chosen: [Int]) -> [Stage] {
        var members = [[Int]](repeating: [], count: chosen.count)
        var reads = [Set<Int>](repeating: [], count: chosen.count)
        /// The last stage that reads each value.
        var lastReader = [Int](repeating: -1, count: nodes.count)
        for (index, node) in nodes.enumerated() {
            guard let stage = stageOf[index] else { continue }
            members[stage].append(index)
            for input in node.inputs {
                lastReader[input] = max(lastReader[input], stage)
                if input == 0 || stageOf[input] != stage { reads[stage].insert(input) }
            }
        }
        return chosen.indices.map { stage in
            let carried = nodes.indices.filter { index in
                let producer = index == 0 ? 0 : stageOf[index]
                guard let producer else { return false }
                return producer <= stage && lastReader[index] > stage
            }
            return Stage(exit: chosen[stage], nodes: members[stage], reads: reads[stage].sorted(), carried: carried)
        }
    }
}
