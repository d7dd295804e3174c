import Testing

@testable import MExitData

@Suite struct MixingTests {
    private let size = ImageSize(height: 6, width: 5)

    private func pair() -> ([Float], [Float]) {
        ((0..<90).map { Float($0) }, (0..<90).map { 1000 - 3 * Float($0) })
    }

    private func mixed(_ draw: Mixing.Draw) -> ([Float], [Float]) {
        var (a, b) = pair()
        a.withUnsafeMutableBufferPointer { a in
            b.withUnsafeMutableBufferPointer { b in
                guard let a = a.baseAddress, let b = b.baseAddress else { return }
                draw.apply(a, b, channels: 3, size: size, rowStride: 5, channelStride: 30)
            }
        }
        return (a, b)
    }

    @Test func blendsBothImages() {
        let (a, b) = pair()
        let (x, y) = mixed(.blend(share: 0.75))
        #expect(x == zip(a, b).map { 0.75 * $0 + 0.25 * $1 } && y == zip(a, b).map { 0.75 * $1 + 0.25 * $0 })
        #expect(mixed(.none) == (a, b))
    }

    @Test func pastesARectangle() {
        let (a, b) = pair()
        let (x, y) = mixed(.paste(rows: 1..<4, columns: 3..<5, share: 0.8))
        for i in 0..<90 {
            let inside = (1..<4).contains(i % 30 / 5) && i % 5 >= 3
            #expect(x[i] == (inside ? b[i] : a[i]) && y[i] == (inside ? a[i] : b[i]))
        }
    }

    @Test func drawsFollowTheirDistribution() {
        let large = ImageSize(height: 32, width: 32)
        // Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)).
        for alpha in [0.2, 0.6, 1.0] {
            let shares = (0..<4000).map { Mixing(mixup: alpha).draw(size: large, seed: 2, epoch: $0 / 50, batch: $0 % 50).share }
            let mean = shares.reduce(0, +) / 4000
            let variance = shares.reduce(0) { $0 + ($1 - 0.5) * ($1 - 0.5) } / 4000
            let expected = 1 / (4 * (2 * alpha + 1))
            // Six standard deviations each: that of the variance is at most sqrt(0.8 / 4000) = 1.5 % of it (kurtosis 1.8 at alpha 1).
            #expect(abs(mean - 0.5) < 6 * (expected / 4000).squareRoot() && abs(variance - expected) < 0.09 * expected)
        }
        var kinds = [0, 0]
        for batch in 0..<1000 {
            switch Mixing(mixup: 0.8, cutmix: 1).draw(size: large, seed: 1, epoch: 0, batch: batch) {
            case .blend: kinds[0] += 1
            case .paste(let rows, let columns, let share):
                kinds[1] += 1
                #expect(rows.lowerBound >= 0 && rows.upperBound <= 32 && columns.lowerBound >= 0 && columns.upperBound <= 32)
                #expect(abs(share - (1 - Double(rows.count * columns.count) / 1024)) < 1e-12)
            case .none: Issue.record("a batch is not mixed")
            }
        }
        // 500 each, standard deviation 16.
        #expect(abs(kinds[0] - 500) < 96)
    }

    /// Powers of random numbers fall below all numbers then; shares are almost always 0 or 1.
    @Test(.timeLimit(.minutes(1)), arguments: [1e-3, 1e-12, 1e-300, Double.leastNonzeroMagnitude]) func smallAlphasEnd(alpha: Double) {
        let shares = (0..<2000).map { Mixing(mixup: alpha).draw(size: size, seed: 3, epoch: 0, batch: $0).share }
        #expect(shares.allSatisfy { $0 >= 0 && $0 <= 1 })
        #expect(shares.count { $0 > 0.01 && $0 < 0.99 } < 30)
        // Standard deviation 22 of each thousand.
        #expect(abs(shares.count { $0 < 0.5 } - 1000) < 134)
    }

    @Test func drawsDependOnSeedEpochAndBatchAlone() throws {
        let mixing = Mixing(mixup: 0.4, cutmix: 0.4)
        func draws(_ seed: UInt64, _ epoch: Int) -> [Mixing.Draw] { (0..<20).map { mixing.draw(size: size, seed: seed, epoch: epoch, batch: $0) } }
        #expect(draws(1, 2) == draws(1, 2) && draws(1, 2) != draws(1, 3) && draws(1, 2) != draws(2, 2))
        #expect(Mixing().draw(size: size, seed: 1, epoch: 0, batch: 0) == .none)
        try mixing.check()
        for bad in [Mixing(mixup: -0.1), Mixing(cutmix: 1.1), Mixing(mixup: .nan)] { #expect(errorCode { try bad.check() } == .badOption) }
    }
}
