import MExitIR
import MExitParallel
import Testing
import _MExitTestSupport

@testable import MExitTraining

/// PCGrad with the fixture's orders: by number of gradients, from 1.
private struct OrderedPCGrad: GradientCombiner {
    let orders: [[[Int]]]
    let strength: Double

    func coefficients(of gram: GramMatrix, draw: UInt64) -> [Double] {
        PCGradCombiner(strength: strength).coefficients(of: gram, orders: orders[gram.size - 1])
    }
}

/// Deconfliction of random gradients against numpy in double precision (tools/fixtures/deconfliction.py).
@Suite struct DeconflictionFixtureTests {
    private struct Case: Decodable {
        var name: String
        var method: String
        var orders: [[[Int]]]?
        var strength: Double
        var radius: Double
        var scope: String
        var reduction: String
        var conflicts: Int
        /// Per tensor.
        var reach: [[Int]]
        var sizes: [Int]

        var exits: Int { (reach.joined().max() ?? 0) + 1 }

        /// A network whose first tensors are the case's: each a linear layer of its own, read by the heads of the exits that
        /// reach it. Heads have zero gradients and change nothing.
        func graph() throws -> Graph {
            var builder = GraphBuilder(input: .vector(1))
            let tensors = sizes.enumerated().map { t, size in
                builder.block = "block\(t / 2)"
                return builder.append(.linear(Linear(outFeatures: size, hasBias: false)), [0], name: "tensor\(t)")
            }
            for exit in 0..<exits {
                builder.block = "exit\(exit)"
                let read = tensors.indices.filter { reach[$0].contains(exit) }.map { tensors[$0] }
                let joined = builder.append(.concat, read.isEmpty ? [0] : read, name: "exit\(exit).concat")
                let logits = builder.append(.linear(Linear(outFeatures: 2, hasBias: false)), [joined], name: "exit\(exit)")
                builder.exit(logits, name: "exit\(exit)")
            }
            return try builder.build()
        }
    }

    @Test func equalsTheReference() throws {
        let file = try FixtureFile("deconfliction")
        let cases = try file.metadata("cases", as: [Case].self)
        #expect(cases.count > 50)
        // Each method with each scope and reduction, and strengths other than 1 where there is one.
        for method in ["project", "pcgrad", "cagrad"] {
            let own = cases.filter { $0.method == method }
            #expect(Set(own.map { "\($0.scope) \($0.reduction)" }).count == 6, "\(method)")
            #expect(method == "cagrad" || own.contains { $0.strength != 1 && $0.conflicts > 0 }, "\(method)")
        }
        #expect(cases.contains { $0.method == "none" && $0.reduction == "mean" })
        #expect(Set(cases.map(\.exits)).isSuperset(of: 2...7))
        for test in cases { try check(test, file) }
    }

    private func check(_ test: Case, _ file: FixtureFile) throws {
        let parameters = try ParameterStore(graph: try test.graph())
        let gradients = try ExitGradients(parameters: parameters)
        for t in test.sizes.indices {
            #expect(gradients.tensors[t].exits == test.reach[t])
            for (position, exit) in gradients.tensors[t].exits.enumerated() {
                _ = gradients.gradient(t, position).update(fromContentsOf: try file.floats("\(test.name).\(t).gradient.\(exit)"))
            }
        }
        let options = DeconflictionOptions(
            method: try #require(.init(rawValue: test.method)), scope: try #require(.init(rawValue: test.scope)), reduction: try #require(.init(rawValue: test.reduction)),
            strength: test.strength, radius: test.radius)
        let combiner = test.orders.map { OrderedPCGrad(orders: $0, strength: test.strength) as any GradientCombiner } ?? options.combiner
        let deconfliction = try GradientDeconfliction(
            parameters: parameters, gradients: gradients, options: options, combiner: combiner, seed: 0)
        let norm = deconfliction.measure(gradients, pool: WorkerPool(threads: 2))
        var squares = 0.0
        var magnitude = 0.0
        for t in test.sizes.indices {
            let key = "\(test.name).\(t).\(test.method).\(test.scope).\(test.reduction)"
            let expected = try file.doubles("\(key).combined")
            let bound = try file.doubles("\(key).bound")
            let combined = try #require(deconfliction.combined(t, in: gradients))
            try assertClose(Array(combined), expected, within: bound, "\(key), strength \(test.strength); \(FixtureFile.rebuild)")
            squares += expected.reduce(0) { $0 + $1 * $1 }
            // A bound is a few half-epsilons of the sum of the magnitudes of what was added.
            magnitude += bound.reduce(0) { $0 + $1 * $1 } * 0x1p48
        }
        // The norm comes from inner products in double; what cancels in them leaves double's rounding. CAGrad's directions are
        // as near to the best one as the bound's second part says, so they are compared above only.
        #expect(test.method == "cagrad" || abs(norm * norm - squares) <= 1e-12 * magnitude, "\(test.name): norm \(norm), expected \(squares.squareRoot())")
    }
}
