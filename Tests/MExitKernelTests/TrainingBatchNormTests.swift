import CMExitKernels
import Testing

@Suite struct TrainingBatchNormTests {
    /// Layouts of x, dy and dx: alike with a halo, all dense, and all different.
    static let layouts: [[Int]] = [[1, 1, 1], [0, 0, 0], [1, 0, 2], [3, 3, 3]]
    /// The last is larger than what is walked as one row.
    static let sizes = [(1, 1, 1), (3, 4, 4), (5, 3, 17), (2, 8, 8), (2, 2, 33), (1, 3, 2800)]

    @Test func statisticsMatchPlainSums() {
        for (channels, height, width) in Self.sizes {
            for halo in [0, 1, 3] {
                var random = TrainingRandom(1)
                let x = TrainingSamples(trainingMap(channels, height, width, halo: halo), count: 3)
                x.randomize(&random)
                let shift = random.units(channels)
                var map = x.map, sum = [Double](repeating: 0.5, count: channels), squares = sum
                var expectedSum = sum, expectedSquares = squares
                x.forEach { n, c, h, w in
                    expectedSum[c] += Double(x[n, c, h, w])
                    let centred = x[n, c, h, w] - shift[c]
                    expectedSquares[c] += Double(centred) * Double(centred)
                }
                mexit_batch_norm_statistics_f32(&map, x.constPointers, 3, nil, &sum, nil)
                mexit_batch_norm_statistics_f32(&map, x.constPointers, 3, shift, nil, &squares)
                for c in 0..<channels {
                    // The sums are in double: only their order differs.
                    #expect(abs(sum[c] - expectedSum[c]) <= 1e-12 * Double(3 * height * width))
                    #expect(abs(squares[c] - expectedSquares[c]) <= 1e-12 * Double(3 * height * width))
                }
            }
        }
    }

    /// The same bits as the pointwise function that evaluation uses elsewhere.
    @Test(arguments: [MEXIT_ACTIVATION_NONE, MEXIT_ACTIVATION_RELU]) func normalizingIsScalingAndShifting(activation: mexit_activation) {
        for (channels, height, width) in Self.sizes {
            for halos in Self.layouts {
                var random = TrainingRandom(3)
                let x = TrainingSamples(trainingMap(channels, height, width, halo: halos[0]), count: 2)
                x.randomize(&random)
                let y = (0..<2).map { _ in TrainingSamples(trainingMap(channels, height, width, halo: halos[1]), count: 2) }
                let scale = random.units(channels), shift = random.units(channels)
                var (xm, ym) = (x.map, y[0].map)
                mexit_batch_norm_normalize_f32(&xm, &ym, x.constPointers, y[0].pointers, 2, scale, shift, activation)
                mexit_scale_shift_f32(&xm, &ym, x.constPointers, y[1].pointers, 2, scale, shift, activation)
                #expect(y[0].values == y[1].values, "\(channels)x\(height)x\(width) halos \(halos)")
                #expect(y[0].damage() == nil, "\(channels)x\(height)x\(width) halos \(halos)")
            }
        }
    }

    @Test(arguments: [false, true]) func backwardMatchesPlainLoops(activated: Bool) {
        for (channels, height, width) in Self.sizes {
            for halos in Self.layouts {
                // One group of losses, several, and what is left over.
                for losses in [1, 2, 3, 4, 7] {
                    check(channels, height, width, halos, losses: losses, activated: activated)
                }
            }
        }
    }

    /// Samples 1 and 2 of 3; every other loss accumulates.
    private func check(_ channels: Int, _ height: Int, _ width: Int, _ halos: [Int], losses: Int, activated: Bool) {
        let what = "\(channels)x\(height)x\(width) halos \(halos) losses \(losses) activated \(activated)"
        var random = TrainingRandom(2)
        func samples(_ halo: Int) -> TrainingSamples {
            let samples = TrainingSamples(trainingMap(channels, height, width, halo: halo), count: 3)
            samples.randomize(&random)
            return samples
        }
        let x = samples(halos[0])
        let dy = (0..<losses).map { _ in samples(halos[1]) }, dx = (0..<losses).map { _ in samples(halos[2]) }
        var (xm, dym, dxm) = (x.map, dy[0].map, dx[0].map)
        let scale = random.units(channels), shift = random.units(channels).map { $0 / 2 }
        func output(_ n: Int, _ c: Int, _ h: Int, _ w: Int) -> Float { shift[c].addingProduct(scale[c], x[n, c, h, w]) }
        let mean = random.units(channels), inv = random.units(channels), abd = random.units(3 * channels * losses)
        let accumulate = (0..<losses).map { $0 % 2 == 1 }
        func gradient(_ l: Int, _ n: Int, _ c: Int, _ h: Int, _ w: Int) -> Double {
            activated && !(output(n, c, h, w) > 0) ? 0 : Double(dy[l][n, c, h, w])
        }

        var sums = [Double](repeating: 0.5, count: 2 * channels * losses), expectedSums = sums
        for l in 0..<losses {
            x.forEach { n, c, h, w in
                guard n > 0 else { return }
                let g = gradient(l, n, c, h, w), xHat = (Double(x[n, c, h, w]) - Double(mean[c])) * Double(inv[c])
                expectedSums[2 * channels * l + c] += g
                expectedSums[2 * channels * l + channels + c] += g * xHat
            }
        }
        let dyTables: [UnsafePointer<UnsafePointer<Float>?>?] = dy.map(\.constPointers)
        mexit_batch_norm_backward_reduce_f32(
            &xm, &dym, x.constPointers, dyTables, Int32(losses), activated ? scale : nil, activated ? shift : nil, 1, 2, mean, inv,
            &sums)
        for i in sums.indices {
            // At most 16 roundings of a sum of at most as many numbers up to 1 (the gradient) or 2; x_hat itself is a float.
            let isPlain = i / channels % 2 == 0
            let roundings = (isPlain ? 16 : 2 * 16 + 4) * Double(Float.ulpOfOne)
            #expect(abs(sums[i] - expectedSums[i]) <= roundings * Double(2 * height * width), "\(what)")
        }

        var expected: [[Double]] = []
        for l in 0..<losses {
            let own = abd[(3 * channels * l)..<(3 * channels * (l + 1))].map(Double.init)
            var values: [Double] = []
            x.forEach { n, c, h, w in
                let old = Double(dx[l][n, c, h, w])
                let centred = Double(x[n, c, h, w]) - Double(mean[c])
                let value = own[c] * gradient(l, n, c, h, w) + own[channels + c] * centred + own[2 * channels + c]
                values.append(n == 0 ? old : value + (accumulate[l] ? old : 0))
            }
            expected.append(values)
        }
        let dxTables: [UnsafePointer<UnsafeMutablePointer<Float>?>?] = dx.map(\.pointers)
        mexit_batch_norm_backward_apply_f32(
            &xm, &dym, &dxm, x.constPointers, dyTables, Int32(losses), activated ? scale : nil, activated ? shift : nil, dxTables, 1, 2,
            mean, abd, accumulate)
        for l in 0..<losses {
            expectClose(dx[l].values, expected[l], terms: 6, magnitude: 2, "loss \(l) \(what)")
            #expect(dx[l].damage() == nil, "\(what)")
        }

        // In place over dy, where nothing is added.
        let first = dy[0].values.count / 3
        let inPlace: [UnsafePointer<UnsafeMutablePointer<Float>?>?] = dy.map(\.pointers)
        mexit_batch_norm_backward_apply_f32(
            &xm, &dym, &dym, x.constPointers, dyTables, Int32(losses), activated ? scale : nil, activated ? shift : nil, inPlace, 1, 2,
            mean, abd, [Bool](repeating: false, count: losses))
        for l in stride(from: 0, to: losses, by: 2) {
            expectClose(
                Array(dy[l].values[first...]), Array(expected[l][first...]), terms: 6, magnitude: 2, "in place, loss \(l) \(what)")
            #expect(dy[l].damage() == nil, "\(what)")
        }
    }
}
