import MExitIR
import MExitParallel
import Testing

@testable import MExitTraining

/// Gradients of a chain of linear layers with a head behind each, filled by hand: layer k is reached by exits k and later.
private struct Chain {
    let parameters: ParameterStore
    let gradients: ExitGradients

    init(exits: Int, width: Int = 5, block: (Int) -> String = { "layer\($0)" }) throws {
        var builder = GraphBuilder(input: .vector(width))
        var x = builder.input
        for exit in 0..<exits {
            builder.block = block(exit)
            x = builder.append(.linear(Linear(outFeatures: width + exit)), [x], name: "layer\(exit)")
            builder.block = "exit\(exit)"
            let head = builder.append(.linear(Linear(outFeatures: 3, hasBias: false)), [x], name: "exit\(exit).linear")
            builder.exit(head, name: "exit\(exit)")
        }
        parameters = try ParameterStore(graph: try builder.build())
        gradients = try ExitGradients(parameters: parameters)
    }

    func fill(_ value: (_ tensor: Int, _ exit: Int, _ element: Int) -> Float) {
        for (t, tensor) in gradients.tensors.enumerated() {
            for (position, exit) in tensor.exits.enumerated() {
                let gradient = gradients.gradient(t, position)
                for i in gradient.indices { gradient[i] = value(t, exit, i) }
            }
        }
    }

    /// By tensor and exit that reaches it, in double.
    func copy() -> [[[Double]]] {
        gradients.tensors.indices.map { t in
            gradients.tensors[t].exits.indices.map { gradients.gradient(t, $0).map(Double.init) }
        }
    }

    func combine(_ options: DeconflictionOptions, threads: Int = 1) throws -> (norm: Double, result: [[Float]], ConflictStatistics) {
        let deconfliction = try GradientDeconfliction(parameters: parameters, gradients: gradients, options: options)
        let norm = deconfliction.measure(gradients, pool: WorkerPool(threads: threads))
        let result = gradients.tensors.indices.map { t in deconfliction.combined(t, in: gradients).map(Array.init) ?? [] }
        return (norm, result, deconfliction.statistics)
    }
}

private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// The definition, word for word: project, then add.
private func reference(_ gradients: [[Double]], strength: Double = 1, order: [Int]? = nil) -> [Double] {
    var sum = [Double](repeating: 0, count: gradients[0].count)
    for i in order ?? Array(gradients.indices) {
        var out = gradients[i]
        for j in order ?? Array(gradients.indices) where j != i {
            let product = dot(gradients[i], gradients[j])
            guard product < 0 else { continue }
            let factor = strength * product / dot(gradients[j], gradients[j])
            for k in out.indices { out[k] -= factor * gradients[j][k] }
        }
        for k in sum.indices { sum[k] += out[k] }
    }
    return sum
}

/// Each of n coefficients is rounded once to single precision, then one rounding per product and sum: 2 n epsilon times the sum
/// of magnitudes bounds the error of an element.
private func expectClose(_ result: [Float], _ expected: [Double], terms: [[Double]], _ comment: Comment) {
    #expect(result.count == expected.count, comment)
    for k in expected.indices {
        // A coefficient is at most 1 + n for gradients of one scale; the magnitudes below allow for it.
        let magnitude = terms.reduce(1e-30) { $0 + abs($1[k]) } * Double(terms.count + 1)
        let tolerance = 2 * Double(terms.count) * Double(Float.ulpOfOne) * magnitude
        #expect(abs(Double(result[k]) - expected[k]) <= tolerance, comment)
    }
}

private func random(_ seed: UInt64) -> (Int, Int, Int) -> Float {
    { tensor, exit, element in
        var random = TensorRandom(seed: seed, name: "\(tensor) \(exit) \(element)")
        return Float(random.normal())
    }
}

@Suite struct DeconflictionTests {
    @Test(arguments: 2...7) func matchesTheDefinitionOnRandomGradients(exits: Int) throws {
        let chain = try Chain(exits: exits)
        chain.fill(random(UInt64(exits)))
        let originals = chain.copy()
        let (_, result, statistics) = try chain.combine(DeconflictionOptions())
        for t in originals.indices {
            expectClose(result[t], reference(originals[t]), terms: originals[t], "tensor \(t) of \(exits) exits")
        }
        #expect(statistics.blocks.contains { $0.pairs.contains { $0.conflicts > 0 } }, "the case must contain conflicts")
    }

    @Test func strengthScalesTheProjection() throws {
        let chain = try Chain(exits: 4)
        chain.fill(random(11))
        let originals = chain.copy()
        let (_, result, _) = try chain.combine(DeconflictionOptions(strength: 0.3))
        for t in originals.indices {
            expectClose(result[t], reference(originals[t], strength: 0.3), terms: originals[t], "tensor \(t)")
        }
    }

    @Test func allConflictingAndNoneConflicting() throws {
        // Corners of a regular simplex: every pair has the same negative product.
        let chain = try Chain(exits: 4)
        chain.fill { _, exit, element in element % 4 == exit ? 3 : -1 }
        let opposed = chain.copy()
        let (_, result, statistics) = try chain.combine(DeconflictionOptions())
        for t in opposed.indices where opposed[t].count > 1 {
            expectClose(result[t], reference(opposed[t]), terms: opposed[t], "tensor \(t)")
        }
        // Equal angles are exact only where every corner has as many elements.
        #expect(statistics.blocks.first?.pairs.allSatisfy { $0.conflicts > 0 } == true)

        chain.fill { t, exit, element in Float(1 + (t + exit + element) % 3) }
        let agreeing = chain.copy()
        let (_, sum, none) = try chain.combine(DeconflictionOptions())
        for t in agreeing.indices {
            // Small whole numbers add up exactly.
            let expected = agreeing[t][0].indices.map { k in Float(agreeing[t].reduce(0) { $0 + $1[k] }) }
            #expect(sum[t] == expected)
        }
        #expect(none.blocks.allSatisfy { $0.pairs.allSatisfy { $0.conflicts == 0 && $0.meanCosine > 0 } })
    }

    @Test func zeroAndVanishingGradientsNeverProject() throws {
        for tiny: Float in [0, Float.leastNonzeroMagnitude, 1e-30] {
            let chain = try Chain(exits: 3)
            chain.fill { t, exit, element in exit == 1 ? -tiny : random(5)(t, exit, element) }
            let originals = chain.copy().map { $0.map { $0.map { abs($0) < 1e-20 ? 0 : $0 } } }
            let (norm, result, statistics) = try chain.combine(DeconflictionOptions())
            #expect(norm.isFinite)
            for t in originals.indices where originals[t].count > 1 {
                let others = originals[t].filter { $0.contains { $0 != 0 } }
                expectClose(result[t], reference(others), terms: others, "tensor \(t) with \(tiny)")
            }
            #expect(statistics.blocks[0].pairs.first { $0.first == 0 && $0.second == 1 }?.seen == 0)
        }
        let chain = try Chain(exits: 3)
        chain.fill { _, _, _ in 0 }
        let (norm, result, _) = try chain.combine(DeconflictionOptions())
        #expect(norm == 0)
        #expect(result.allSatisfy { $0.allSatisfy { $0 == 0 } })
    }

    @Test func twoExitsAreNeverWorkedAgainst() throws {
        for seed in UInt64(0)..<50 {
            let chain = try Chain(exits: 2, width: 3)
            chain.fill(random(seed))
            let originals = chain.copy()
            let (_, result, _) = try chain.combine(DeconflictionOptions())
            for t in originals.indices where originals[t].count == 2 {
                let combined = result[t].map(Double.init)
                for gradient in originals[t] {
                    let scale = dot(gradient, gradient).squareRoot() * dot(combined, combined).squareRoot()
                    #expect(dot(combined, gradient) >= -8 * Double(Float.ulpOfOne) * scale, "seed \(seed), tensor \(t)")
                }
            }
        }
    }

    @Test func coefficientsDoNotDependOnTheOrderOfExits() {
        let vectors = (0..<6).map { i in (0..<4).map { k in Double(random(3)(0, i, k)) } }
        func gram(_ order: [Int]) -> GramMatrix {
            var gram = GramMatrix(size: order.count)
            for i in order.indices { for j in order.indices { gram[i, j] = dot(vectors[order[i]], vectors[order[j]]) } }
            return gram
        }
        let order = [4, 2, 0, 5, 1, 3]
        let straight = ProjectionCombiner().coefficients(of: gram(Array(0..<6)))
        let permuted = ProjectionCombiner().coefficients(of: gram(order))
        for (place, exit) in order.enumerated() {
            #expect(abs(permuted[place] - straight[exit]) <= 1e-14 * straight[exit])
        }
        #expect(straight.allSatisfy { $0 >= 1 } && straight.contains { $0 > 1 })
    }

    @Test func widerScopesTreatTheirTensorsAsOneVector() throws {
        for scope in [DeconflictionOptions.Scope.block, .network] {
            // Layers 0 and 1 form one block; layer 1 is not reached by exit 0, whose gradient there is zero.
            let chain = try Chain(exits: 4, block: { $0 < 2 ? "both" : "layer\($0)" })
            chain.fill(random(21))
            let originals = chain.copy()
            let tensors = chain.gradients.tensors
            let blocks = chain.parameters.trainable.map { chain.parameters.graph.nodes[$0.spec.node].block }
            let (_, result, _) = try chain.combine(DeconflictionOptions(scope: scope))
            let groups: [[Int]] = scope == .block
                ? Set(blocks).map { name in tensors.indices.filter { blocks[$0] == name } }
                : [tensors.indices.filter { tensors[$0].exits.count > 1 }]
            for group in groups {
                let vectors: [[Double]] = (0..<4).map { exit in
                    group.flatMap { t in
                        tensors[t].exits.firstIndex(of: exit).map { originals[t][$0] } ?? [Double](repeating: 0, count: tensors[t].count)
                    }
                }
                expectClose(group.flatMap { result[$0] }, reference(vectors), terms: vectors, "\(scope)")
            }
            for t in tensors.indices where tensors[t].exits.count == 1 {
                if scope == .network { #expect(result[t].map(Double.init) == originals[t][0], "a head passes unchanged") }
            }
        }
    }

    @Test func meanDividesByTheExitsThatReachATensor() throws {
        let chain = try Chain(exits: 3)
        chain.fill { _, exit, _ in Float(exit + 1) }
        let (norm, result, _) = try chain.combine(DeconflictionOptions(method: .none, reduction: .mean))
        var squares = 0.0
        for (t, tensor) in chain.gradients.tensors.enumerated() {
            let mean = Double(tensor.exits.reduce(0) { $0 + $1 + 1 }) / Double(tensor.exits.count)
            squares += mean * mean * Double(tensor.count)
            for value in result[t] { #expect(abs(Double(value) - mean) <= 1e-6) }
        }
        #expect(abs(norm - squares.squareRoot()) <= 1e-6 * norm)

        // With one joint gradient the divisor is still the number of exits.
        let joint = try ExitGradients(parameters: chain.parameters, groups: [0, 0, 0])
        joint.values.update(repeating: 6)
        let deconfliction = try GradientDeconfliction(
            parameters: chain.parameters, gradients: joint, options: DeconflictionOptions(method: .none, reduction: .mean))
        _ = deconfliction.measure(joint, pool: WorkerPool(threads: 1))
        #expect(deconfliction.combined(0, in: joint)?.first == 2)
        #expect(deconfliction.statistics.blocks.isEmpty)
    }

    @Test func statisticsCountPairsPerBlock() throws {
        let chain = try Chain(exits: 3)
        // Exits 0 and 1 are opposed everywhere, exit 2 agrees with exit 0.
        chain.fill { _, exit, _ in exit == 1 ? -1 : 2 }
        let (_, _, statistics) = try chain.combine(DeconflictionOptions())
        #expect(statistics.blocks.map(\.name) == ["layer0", "layer1"])
        let pairs = statistics.blocks[0].pairs
        #expect(pairs.map { [$0.first, $0.second, $0.seen, $0.conflicts] } == [[0, 1, 2, 2], [0, 2, 2, 0], [1, 2, 2, 2]])
        #expect(abs(pairs[0].meanCosine + 1) < 1e-12 && abs(pairs[1].meanCosine - 1) < 1e-12 && pairs[2].rate == 1)
        #expect(statistics.blocks[1].pairs.map { [$0.first, $0.second] } == [[1, 2]])
    }

    @Test func threadsDoNotChangeABit() throws {
        var results: [[[Float]]] = []
        for threads in [1, 2, 3] {
            let chain = try Chain(exits: 6, width: 17)
            chain.fill(random(77))
            results.append(try chain.combine(DeconflictionOptions(scope: .network), threads: threads).result)
        }
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    @Test func notANumberShowsInTheNorm() throws {
        for bad in [Float.nan, .infinity] {
            for exits in [1, 3] {
                let chain = try Chain(exits: exits)
                chain.fill { t, exit, element in t == 1 && element == 2 ? bad : 1 }
                #expect(try !chain.combine(DeconflictionOptions()).norm.isFinite)
            }
        }
        #expect(throws: TrainingError.self) { try DeconflictionOptions(strength: .nan).check() }
        #expect(throws: TrainingError.self) { try DeconflictionOptions(strength: -1).check() }
    }
}
