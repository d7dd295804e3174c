import CMExitKernels
import MExitData
import MExitIR
import MExitParallel

/// Turns the gradients of the exits into one per tensor, in place: measure, decide, apply.
///
/// 1. ``measure(_:pool:step:)`` takes the inner products of every tensor (double precision), tensors in parallel.
/// 2. It adds them up over each group of the scope and asks the combiner for coefficients; cheap, on the caller's thread.
/// 3. ``combined(_:in:)`` forms G = sum over k of c[k] g_k of one tensor in the memory of its first gradient.
///
/// Group sums run in tensor order, so the result does not depend on threads. Cost: n (n + 1) / 2 dot products and n
/// multiply-adds per element, for the n exits that reach a tensor.
public final class GradientDeconfliction {
    public let options: DeconflictionOptions
    /// Counts since the last ``resetStatistics()``; empty blocks when exits share one loss.
    public internal(set) var statistics: ConflictStatistics

    private let combiner: any GradientCombiner
    /// Chooses what a combiner draws.
    private let seed: UInt64
    private let tensors: [TensorGradients]
    private let groups: [Group]
    /// Tensors by falling cost, so that the last ones to be taken are small and threads end together.
    private let order: [Int]
    /// Per tensor: its block in the statistics and the places of its pairs; nil where fewer than two exits meet.
    private let blocks: [(block: Int, places: [Int])?]
    /// 1, or 1 / exits that reach the tensor.
    private let factors: [Double]
    private var grams: [GramMatrix]
    /// Per tensor and loss that reaches it.
    private var coefficients: [[Double]]

    /// Tensors whose inner products add up. `positions[i]` maps the losses of tensor `members[i]` to rows of the group.
    private struct Group {
        var losses: [Int]
        var members: [Int]
        var positions: [[Int]]
    }

    /// - Parameter seed: chooses the orders of ``PCGradCombiner``, together with the step.
    /// - Throws: ``TrainingError`` for impossible options, ``NetworkError`` when `gradients` are of another network.
    public convenience init(parameters: ParameterStore, gradients: ExitGradients, options: DeconflictionOptions, seed: UInt64 = 0) throws {
        try self.init(parameters: parameters, gradients: gradients, options: options, combiner: options.combiner, seed: seed)
    }

    /// With a rule of its own in place of the options' method.
    init(
        parameters: ParameterStore, gradients: ExitGradients, options: DeconflictionOptions, combiner: any GradientCombiner, seed: UInt64
    ) throws {
        try options.check()
        self.options = options
        self.combiner = combiner
        self.seed = seed
        let tensors = gradients.tensors
        self.tensors = tensors
        let graph = parameters.graph
        let names = parameters.trainable.map { graph.nodes[$0.spec.node].block }
        groups = GradientDeconfliction.groups(tensors: tensors, blocks: names, scope: options.scope)
        order = tensors.indices.sorted {
            let (a, b) = (tensors[$0], tensors[$1])
            let (costA, costB) = (a.count * a.exits.count * (a.exits.count + 1), b.count * b.exits.count * (b.exits.count + 1))
            return costA == costB ? $0 < $1 : costA > costB
        }
        let reach = try Reach(graph: graph, groups: nil)
        factors = parameters.trainable.map { tensor in
            let exits = reach.losses[tensor.spec.node].count
            return options.reduction == .mean ? 1 / Double(max(exits, 1)) : 1
        }
        grams = tensors.map { GramMatrix(size: $0.exits.count) }
        coefficients = tensors.map { [Double](repeating: 1, count: $0.exits.count) }
        (statistics, blocks) = GradientDeconfliction.statistics(tensors: tensors, blocks: names)
    }

    /// Takes all inner products and decides the coefficients.
    ///
    /// - Parameter step: of the training; the same step draws the same numbers.
    /// - Returns: norm of the combined gradient of the whole network. Not finite when a gradient is not: then do not apply.
    public func measure(_ gradients: ExitGradients, pool: WorkerPool, step: Int = 0) -> Double {
        precondition(gradients.tensors == tensors, "the gradients are of another network")
        grams.withUnsafeMutableBufferPointer { grams in
            pool.run(order.count) { _, index in
                let t = order[index]
                for i in 0..<tensors[t].exits.count {
                    for j in i..<tensors[t].exits.count {
                        grams[t][i, j] = mexit_dot_f64(
                            gradients.gradient(t, i).baseAddress, gradients.gradient(t, j).baseAddress, tensors[t].count)
                    }
                }
            }
        }
        for (index, group) in groups.enumerated() {
            var random = CounterRandom(.deconfliction, seed: seed, step, index)
            decide(group, draw: random.next())
        }
        var squares = 0.0
        for t in tensors.indices {
            squares += grams[t].squaredNorm(ofCombination: coefficients[t])
            if let (block, places) = blocks[t] { statistics.add(grams[t], block: block, places: places) }
        }
        return squares.squareRoot()
    }

    private func decide(_ group: Group, draw: UInt64) {
        var gram = GramMatrix(size: group.losses.count)
        for (t, positions) in zip(group.members, group.positions) {
            for i in positions.indices {
                for j in i..<positions.count { gram[positions[i], positions[j]] += grams[t][i, j] }
            }
        }
        let c = combiner.coefficients(of: gram, draw: draw)
        for (t, positions) in zip(group.members, group.positions) {
            coefficients[t] = positions.map { c[$0] * factors[t] }
        }
    }

    /// Forms the combined gradient of tensor `t` after ``measure(_:pool:step:)``, in the memory of its first gradient.
    ///
    /// May run for different tensors on different threads. Nil for a tensor that no exit reaches.
    public func combined(_ t: Int, in gradients: ExitGradients) -> UnsafeMutableBufferPointer<Float>? {
        let c = coefficients[t]
        guard let own = c.first else { return nil }
        let result = gradients.gradient(t, 0)
        if own != 1 { mexit_scale_f32(Float(own), result.baseAddress, result.count) }
        for k in 1..<max(c.count, 1) {
            mexit_axpy_f32(Float(c[k]), gradients.gradient(t, k).baseAddress, result.baseAddress, result.count)
        }
        return result
    }

    /// Starts new statistics, for the next epoch.
    public func resetStatistics() { statistics.reset() }
}

extension GradientDeconfliction {
    private static func groups(
        tensors: [TensorGradients], blocks: [String], scope: DeconflictionOptions.Scope
    ) -> [Group] {
        var groups: [Group] = []
        var known: [String: Int] = [:]
        func append(_ t: Int, to group: Int) {
            groups[group].members.append(t)
            groups[group].losses = Set(groups[group].losses + tensors[t].exits).sorted()
        }
        for t in tensors.indices where !tensors[t].exits.isEmpty {
            let key: String
            switch scope {
            case .tensor: key = "\(t)"
            case .block: key = "block " + blocks[t]
            case .network: key = tensors[t].exits.count > 1 ? "shared" : "\(t)"
            }
            if let group = known[key] {
                append(t, to: group)
            } else {
                known[key] = groups.count
                groups.append(Group(losses: [], members: [], positions: []))
                append(t, to: groups.count - 1)
            }
        }
        return groups.map { group in
            var group = group
            group.positions = group.members.map { t in tensors[t].exits.compactMap { group.losses.firstIndex(of: $0) } }
            return group
        }
    }

    private static func statistics(
        tensors: [TensorGradients], blocks: [String]
    ) -> (ConflictStatistics, [(block: Int, places: [Int])?]) {
        var shared: [(name: String, reaches: [[Int]])] = []
        var blockOf: [Int?] = []
        for t in tensors.indices {
            guard tensors[t].exits.count > 1 else {
                blockOf.append(nil)
                continue
            }
            if let known = shared.firstIndex(where: { $0.name == blocks[t] }) {
                shared[known].reaches.append(tensors[t].exits)
                blockOf.append(known)
            } else {
                blockOf.append(shared.count)
                shared.append((blocks[t], [tensors[t].exits]))
            }
        }
        let statistics = ConflictStatistics(blocks: shared)
        let places = tensors.indices.map { t in
            blockOf[t].map { (block: $0, places: statistics.places(of: tensors[t].exits, block: $0)) }
        }
        return (statistics, places)
    }
}
