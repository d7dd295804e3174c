import CMExitKernels
import Testing

@Suite struct TrainingPointwiseTests {
    static let halos = [(0, 0), (1, 1), (2, 1), (0, 3)]

    /// Runs `body` on a fresh dx with and without accumulation and compares it with `reference` (sample, channel, row, column).
    private func check(
        _ dxMap: mexit_map, count: Int, terms: Int, _ what: String, reference: [Double],
        body: (TrainingSamples, Bool) -> Void
    ) {
        for accumulate in [false, true] {
            var random = TrainingRandom(3)
            let dx = TrainingSamples(dxMap, count: count)
            dx.randomize(&random)
            let old = dx.values
            body(dx, accumulate)
            let expected = zip(reference, old).map { $0 + (accumulate ? Double($1) : 0) }
            expectClose(dx.values, expected, terms: terms, "\(what) accumulate \(accumulate)")
            #expect(dx.damage() == nil, "\(what)")
        }
    }

    @Test func unaryGradientsMatchCentralDifferences() {
        let ops: [(mexit_unary, Float)] = [
            (MEXIT_UNARY_RELU, 0), (MEXIT_UNARY_RELU6, 0), (MEXIT_UNARY_LEAKY_RELU, 0.1), (MEXIT_UNARY_SIGMOID, 0),
            (MEXIT_UNARY_TANH, 0), (MEXIT_UNARY_SILU, 0), (MEXIT_UNARY_HARD_SWISH, 0), (MEXIT_UNARY_GELU, 0),
        ]
        for (op, parameter) in ops {
            var random = TrainingRandom(4)
            let x = TrainingSamples(trainingMap(3, 5, 19, halo: 1), count: 2)
            x.randomize(&random)
            x.forEach { n, c, h, w in // -8 ... 8, away from the kinks at -3, 0, 3 and 6
                let value = x[n, c, h, w] * 8, kink = value.rounded()
                x[n, c, h, w] = abs(value - kink) < 0.05 ? kink + 0.1 : value
            }
            let dy = TrainingSamples(trainingMap(3, 5, 19, halo: 2), count: 2)
            dy.randomize(&random)
            // The forward pass in float limits a difference quotient: eps * 8 / step.
            let step: Float = 1.0 / 64
            func forward(_ shift: Float) -> [Float] {
                let shifted = x.copy(), y = TrainingSamples(x.map, count: 2)
                x.forEach { shifted[$0, $1, $2, $3] += shift }
                var map = x.map
                mexit_unary_f32(op, parameter, &map, &map, shifted.constPointers, y.pointers, 2)
                return y.values
            }
            let high = forward(step), low = forward(-step), gradients = dy.values
            var xm = x.map, dym = dy.map
            let dx = TrainingSamples(x.map, count: 2)
            var dxm = dx.map
            mexit_unary_backward_f32(op, parameter, &xm, &dym, &dxm, x.constPointers, dy.constPointers, dx.pointers, 2, false)
            let seen = dx.values
            for i in seen.indices {
                let quotient = (Double(high[i]) - Double(low[i])) / Double(2 * step) * Double(gradients[i])
                // Third derivatives of these functions stay below 2: the quotient is off by less than step^2 / 3.
                #expect(abs(Double(seen[i]) - quotient) < 2e-4, "\(op) at \(x.values[i])")
            }
            #expect(dx.damage() == nil)
            check(dx.map, count: 2, terms: 2, "\(op)", reference: seen.map(Double.init)) { dx, accumulate in
                mexit_unary_backward_f32(
                    op, parameter, &xm, &dym, &dxm, x.constPointers, dy.constPointers, dx.pointers, 2, accumulate)
            }
        }
    }

    @Test func copyMovesAndAddsBetweenLayouts() {
        for (from, to) in Self.halos {
            var random = TrainingRandom(5)
            let dy = TrainingSamples(trainingMap(5, 3, 21, halo: from), count: 3)
            dy.randomize(&random)
            var dym = dy.map, dxm = trainingMap(5, 3, 21, halo: to)
            check(dxm, count: 3, terms: 1, "copy \(from) to \(to)", reference: dy.values.map(Double.init)) { dx, accumulate in
                mexit_copy_f32(&dym, &dxm, dy.constPointers, dx.pointers, 3, accumulate)
            }
        }
    }

    @Test func unflattenRestoresTheMap() {
        for halo in [0, 1, 2] {
            var random = TrainingRandom(6), dxm = trainingMap(3, 4, 5, halo: halo)
            let dy = TrainingSamples(trainingMap(60, 1, 1, halo: 0), count: 2)
            dy.randomize(&random)
            check(dxm, count: 2, terms: 1, "unflatten", reference: dy.values.map(Double.init)) { dx, accumulate in
                mexit_unflatten_f32(&dxm, dy.constPointers, dx.pointers, 2, accumulate)
            }
        }
    }

    @Test func upsampleGradientSumsItsBlock() {
        for (from, to) in Self.halos {
            var random = TrainingRandom(7), dym = trainingMap(2, 6, 15, halo: from), dxm = trainingMap(2, 3, 5, halo: to)
            let dy = TrainingSamples(dym, count: 2)
            dy.randomize(&random)
            var reference = [Double](repeating: 0, count: 2 * 2 * 3 * 5)
            dy.forEach { n, c, h, w in reference[((n * 2 + c) * 3 + h / 2) * 5 + w / 3] += Double(dy[n, c, h, w]) }
            check(dxm, count: 2, terms: 7, "upsample", reference: reference) { dx, accumulate in
                mexit_upsample_nearest_backward_f32(&dxm, &dym, dy.constPointers, dx.pointers, 2, accumulate)
            }
        }
    }

    /// The transpose of the forward pass: what each input pixel gives to each output pixel comes back.
    @Test(arguments: [true, false]) func resizeGradientIsTheTranspose(alignCorners: Bool) {
        for (from, to) in Self.halos {
            for (small, large) in [((3, 5), (6, 15)), ((6, 7), (2, 3)), ((1, 4), (5, 1)), ((4, 6), (4, 300))] {
                var random = TrainingRandom(9)
                var dxm = trainingMap(2, small.0, small.1, halo: to), dym = trainingMap(2, large.0, large.1, halo: from)
                let dy = TrainingSamples(dym, count: 2)
                dy.randomize(&random)
                var reference = [Double](repeating: 0, count: 2 * 2 * small.0 * small.1)
                for pixel in 0..<small.0 * small.1 {
                    let unit = TrainingSamples(dxm, count: 2), out = TrainingSamples(dym, count: 2)
                    for n in 0..<2 { for c in 0..<2 { unit[n, c, pixel / small.1, pixel % small.1] = 1 } }
                    mexit_resize_bilinear_f32(&dxm, &dym, alignCorners, unit.constPointers, out.pointers, 2)
                    dy.forEach { n, c, h, w in
                        reference[(n * 2 + c) * small.0 * small.1 + pixel] += Double(out[n, c, h, w]) * Double(dy[n, c, h, w])
                    }
                }
                check(dxm, count: 2, terms: 4 * large.0 * large.1, "resize", reference: reference) { dx, accumulate in
                    mexit_resize_bilinear_backward_f32(&dxm, &dym, alignCorners, dy.constPointers, dx.pointers, 2, accumulate)
                }
            }
        }
    }

    @Test func globalAverageSpreadsEvenly() {
        for halo in [0, 1] {
            var random = TrainingRandom(8), dym = trainingMap(4, 1, 1, halo: 0), dxm = trainingMap(4, 3, 5, halo: halo)
            let dy = TrainingSamples(dym, count: 2)
            dy.randomize(&random)
            let reference = dy.values.flatMap { [Double](repeating: Double($0) / 15, count: 15) }
            check(dxm, count: 2, terms: 1, "global average", reference: reference) { dx, accumulate in
                mexit_global_avg_pool_backward_f32(&dxm, &dym, dy.constPointers, dx.pointers, 2, accumulate)
            }
        }
    }

    @Test func biasGradientSumsPixels() {
        for halo in [0, 1, 2] {
            var random = TrainingRandom(9), dym = trainingMap(4, 5, 18, halo: halo)
            let dy = TrainingSamples(dym, count: 3)
            dy.randomize(&random)
            var gradient = random.units(4), reference = gradient.map(Double.init)
            dy.forEach { n, c, h, w in reference[c] += Double(dy[n, c, h, w]) }
            mexit_bias_backward_f32(&dym, dy.constPointers, 3, &gradient)
            expectClose(gradient, reference, terms: 2, magnitude: 270, "bias")
        }
    }
}
