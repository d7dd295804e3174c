import Testing
import _MExitTestSupport

@testable import MExitTraining

/// What defines PCGrad and CAGrad, beside the numbers of DeconflictionFixtureTests.
@Suite struct CombinerTests {
    private func gram(_ vectors: [[Double]]) -> GramMatrix {
        var gram = GramMatrix(size: vectors.count)
        for i in vectors.indices {
            for j in i..<vectors.count { gram[i, j] = zip(vectors[i], vectors[j]).reduce(0) { $0 + $1.0 * $1.1 } }
        }
        return gram
    }

    private func random(_ count: Int, _ dimensions: Int, seed: UInt64) -> [[Double]] {
        var random = TensorRandom(seed: seed, name: "vectors")
        return (0..<count).map { _ in (0..<dimensions).map { _ in random.normal() } }
    }

    private func combination(_ c: [Double], _ vectors: [[Double]]) -> [Double] {
        vectors[0].indices.map { k in zip(c, vectors).reduce(0) { $0 + $1.0 * $1.1[k] } }
    }

    @Test func pcgradWithTwoGradientsIsProjection() {
        for seed in 0..<20 as Range<UInt64> {
            let gram = gram(random(2, 5, seed: seed))
            let (a, b) = (PCGradCombiner().coefficients(of: gram, draw: seed), ProjectionCombiner().coefficients(of: gram))
            #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-12 })
        }
    }

    @Test func pcgradDrawsEveryOrder() {
        // Three opposed gradients of different lengths: each of the 2^3 choices of orders gives coefficients of its own.
        let gram = gram([[1, 0], [-0.5, 1], [-0.4, -1.5]])
        var seen = Set<[Double]>()
        for draw in 0..<400 as Range<UInt64> { seen.insert(PCGradCombiner().coefficients(of: gram, draw: draw)) }
        let all = (0..<8).map { choice in
            PCGradCombiner().coefficients(of: gram, orders: [[1, 2], [0, 2], [0, 1]].enumerated().map { choice >> $0 & 1 == 0 ? $1 : $1.reversed() })
        }
        #expect(Set(all).count > 2 && seen == Set(all))
        #expect(PCGradCombiner().coefficients(of: gram, draw: 7) == PCGradCombiner().coefficients(of: gram, draw: 7))
    }

    @Test func pcgradOfStrengthZeroIsTheSum() {
        #expect(PCGradCombiner(strength: 0).coefficients(of: gram(random(5, 8, seed: 1)), draw: 3) == [1, 1, 1, 1, 1])
    }

    /// The optimum is proved by its dual: no direction in the ball helps the worst exit more than F(w), and d reaches F(w).
    @Test(arguments: [2, 3, 5, 7, 11], [0.1, 0.4, 0.9]) func cagradReachesItsDualBound(count: Int, radius: Double) throws {
        for seed in 0..<25 as Range<UInt64> {
            // As many dimensions as gradients, or fewer, where combinations may vanish.
            let vectors = random(count, seed % 2 == 0 ? count + 3 : max(2, count - 1), seed: seed)
            let gram = gram(vectors)
            let c = CAGradCombiner(radius: radius).coefficients(of: gram, draw: 0)
            guard let (weights, _, reach) = CAGradCombiner(radius: radius).solve(gram) else { continue }
            #expect(abs(weights.reduce(0, +) - 1) < 1e-9 && weights.allSatisfy { $0 >= 0 })
            let direction = combination(c.map { $0 / Double(count) }, vectors)
            let mean = combination([Double](repeating: 1 / Double(count), count: count), vectors)
            let distance = zip(direction, mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
            #expect(distance <= reach * (1 + 1e-9), "the direction lies in the ball")
            let worst = vectors.map { zip($0, direction).reduce(0) { $0 + $1.0 * $1.1 } }.min() ?? 0
            let own = combination(weights, vectors)
            let bound = zip(own, mean).reduce(0) { $0 + $1.0 * $1.1 } + reach * own.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let scale = (0..<count).map { gram[$0, $0] }.max() ?? 0
            #expect(bound - worst <= 1e-11 * scale, "\(count) gradients, seed \(seed): \(worst) of \(bound)")
        }
    }

    @Test func cagradOfSpecialCases() {
        let one = gram([[3, 4]])
        #expect(CAGradCombiner().coefficients(of: one, draw: 0) == [1])
        #expect(CAGradCombiner(radius: 0).coefficients(of: gram(random(4, 6, seed: 2)), draw: 0) == [1, 1, 1, 1])
        // Opposed gradients have no mean to stay near; zeros and NaN must not trap or hang.
        #expect(CAGradCombiner().coefficients(of: gram([[1, 0], [-1, 0]]), draw: 0) == [1, 1])
        #expect(CAGradCombiner().coefficients(of: GramMatrix(size: 3), draw: 0) == [1, 1, 1])
        #expect(CAGradCombiner().coefficients(of: gram([[.nan, 1], [1, 0]]), draw: 0) == [1, 1])
        // Equal gradients: any weights are best.
        let same = CAGradCombiner().coefficients(of: gram([[1, 2], [1, 2], [1, 2]]), draw: 0)
        #expect(abs(same.reduce(0, +) - 4.5) < 1e-12)
        #expect(throws: TrainingError.self) { try DeconflictionOptions(method: .cagrad, radius: 1).check() }
        #expect(throws: TrainingError.self) { try DeconflictionOptions(method: .cagrad, radius: .nan).check() }
    }
}
