import MExitIR
import MExitParallel
import MExitTraining
import Testing
import _MExitTestSupport

/// Deconfliction of random gradients against numpy in double precision (tools/fixtures/deconfliction.py).
@Suite struct DeconflictionFixtureTests {
    private struct Case: Decodable {
        var name: String
        var strength: Double
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
        #expect(cases.count > 30)
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
            method: .project, scope: try #require(.init(rawValue: test.scope)), reduction: try #require(.init(rawValue: test.reduction)),
            strength: test.strength)
        let deconfliction = try GradientDeconfliction(parameters: parameters, gradients: gradients, options: options)
        let norm = deconfliction.measure(gradients, pool: WorkerPool(threads: 2))
        var squares = 0.0
        var magnitude = 0.0
        for t in test.sizes.indices {
            let key = "\(test.name).\(t).\(test.scope).\(test.reduction)"
            let expected = try file.doubles("\(key).combined")
            let bound = try file.doubles("\(key).bound")
            let combined = try #require(deconfliction.combined(t, in: gradients))
            try assertClose(Array(combined), expected, within: bound, "\(key), strength \(test.strength); \(FixtureFile.rebuild)")
            squares += expected.reduce(0) { $0 + $1 * $1 }
            // A bound is a few half-epsilons of the sum of the magnitudes of what was added.
            magnitude += bound.reduce(0) { $0 + $1 * $1 } * 0x1p48
        }
        // The norm comes from inner products in double; what cancels in them leaves double's rounding.
        #expect(abs(norm * norm - squares) <= 1e-12 * magnitude, "\(test.name): norm \(norm), expected \(squares.squareRoot())")
    }
}
