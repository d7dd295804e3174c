import CMExitKernels
import Testing

@Suite struct TrainingBatchNormTests {
    /// Layouts of x, dy, dx and the activated output: alike with a halo, all dense, and all different.
    static let layouts: [[Int]] = [[1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 2, 3]]
    static let sizes = [(1, 1, 1), (3, 4, 4), (5, 3, 17), (2, 8, 8), (2, 2, 33)]

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

    @Test(arguments: [false, true]) func backwardMatchesPlainLoops(activated: Bool) {
        for (channels, height, width) in Self.sizes {
            for halos in Self.layouts {
                for accumulate in [false, true] {
                    check(channels, height, width, halos, activated: activated, accumulate: accumulate)
                }
            }
        }
    }

    private func check(_ channels: Int, _ height: Int, _ width: Int, _ halos: [Int], activated: Bool, accumulate: Bool) {
        let what = "\(channels)x\(height)x\(width) halos \(halos) activated \(activated) accumulate \(accumulate)"
        var random = TrainingRandom(2)
        let s = halos.map { TrainingSamples(trainingMap(channels, height, width, halo: $0), count: 2) }
        let (x, dy, dx, y) = (s[0], s[1], s[2], s[3])
        s.forEach { $0.randomize(&random) }
        y.forEach { n, c, h, w in if (h + w) % 3 == 0 { y[n, c, h, w] = 0 } } // what a ReLU leaves
        var (xm, dym, dxm, ym) = (x.map, dy.map, dx.map, y.map)
        let mean = random.units(channels), inv = random.units(channels)
        let a = random.units(channels), b = random.units(channels), d = random.units(channels)
        func gradient(_ n: Int, _ c: Int, _ h: Int, _ w: Int) -> Double {
            activated && !(y[n, c, h, w] > 0) ? 0 : Double(dy[n, c, h, w])
        }

        var sums = [Double](repeating: 0, count: channels), products = sums, expectedSums = sums, expectedProducts = sums
        x.forEach { n, c, h, w in
            expectedSums[c] += gradient(n, c, h, w)
            expectedProducts[c] += gradient(n, c, h, w) * (Double(x[n, c, h, w]) - Double(mean[c])) * Double(inv[c])
        }
        mexit_batch_norm_backward_reduce_f32(
            &xm, &dym, x.constPointers, dy.constPointers, &ym, activated ? y.constPointers : nil, 2, mean, inv, &sums, &products)
        let roundings = Double(2 * height * width) * 4 * Double(Float.ulpOfOne)
        for c in 0..<channels {
            #expect(abs(sums[c] - expectedSums[c]) <= 1e-12 * Double(2 * height * width), "\(what)")
            #expect(abs(products[c] - expectedProducts[c]) <= roundings, "\(what)") // x_hat itself is a float
        }

        let old = dx.values
        var expected: [Double] = []
        x.forEach { n, c, h, w in
            let centred = Double(x[n, c, h, w]) - Double(mean[c])
            let value = Double(a[c]) * gradient(n, c, h, w) + Double(b[c]) * centred + Double(d[c])
            expected.append(value + (accumulate ? Double(old[expected.count]) : 0))
        }
        mexit_batch_norm_backward_apply_f32(
            &xm, &dym, &dxm, x.constPointers, dy.constPointers, &ym, activated ? y.constPointers : nil, dx.pointers, 2, mean,
            a, b, d, accumulate)
        expectClose(dx.values, expected, terms: 6, magnitude: 2, what)
        #expect(dx.damage() == nil, "\(what)")

        if !accumulate { // in place over dy
            mexit_batch_norm_backward_apply_f32(
                &xm, &dym, &dym, x.constPointers, dy.constPointers, &ym, activated ? y.constPointers : nil, dy.pointers, 2,
                mean, a, b, d, false)
            expectClose(dy.values, expected, terms: 6, magnitude: 2, "in place \(what)")
            #expect(dy.damage() == nil, "\(what)")
        }
    }
}
