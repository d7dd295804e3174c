import CMExitKernels
import Testing

@Suite struct TrainingVectorTests {
    static let counts = Array(0...67) + [1000, 1021]

    @Test func dotSumsInDouble() {
        for count in Self.counts {
            var random = TrainingRandom(21)
            let a = random.units(count), b = random.units(count)
            let expected = zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            #expect(abs(mexit_dot_f64(a, b, count) - expected) <= 1e-15 * Double(count + 1), "\(count)")
        }
    }

    @Test func axpyScaleAndZero() {
        for count in Self.counts {
            var random = TrainingRandom(22)
            let x = random.units(count), y = random.units(count)
            var out = y + [7]
            mexit_axpy_f32(0.75, x, &out, count)
            expectClose(Array(out.dropLast()), zip(x, y).map { 0.75 * Double($0) + Double($1) }, terms: 1, "axpy \(count)")
            #expect(out.last == 7)
            out = y + [7]
            mexit_scale_f32(-0.3, &out, count)
            #expect(out == y.map { $0 * -0.3 } + [7], "scale \(count)")
            mexit_zero_f32(&out, count)
            #expect(out == [Float](repeating: 0, count: count) + [7], "zero \(count)")
        }
    }

    @Test(arguments: [false, true]) func sgdFollowsItsDefinition(nesterov: Bool) {
        let (rate, momentum, decay): (Float, Float, Float) = (0.1, 0.9, 0.01)
        for count in Self.counts {
            var random = TrainingRandom(23)
            let start = random.units(count), velocity = random.units(count), gradient = random.units(count)
            var w = start + [7], v = velocity + [8]
            mexit_sgd_step_f32(&w, &v, gradient, count, rate, momentum, decay, nesterov)
            var expectedW: [Double] = [], expectedV: [Double] = []
            for i in 0..<count {
                let g = Double(gradient[i]) + Double(decay) * Double(start[i])
                let moved = Double(momentum) * Double(velocity[i]) + g
                expectedV.append(moved)
                expectedW.append(Double(start[i]) - Double(rate) * (nesterov ? g + Double(momentum) * moved : moved))
            }
            #expect(w.removeLast() == 7 && v.removeLast() == 8)
            expectClose(w, expectedW, terms: 4, "weights \(count)")
            expectClose(v, expectedV, terms: 4, magnitude: 2, "velocity \(count)")
        }
    }

    @Test func finiteFindsEveryPlace() {
        for count in [1, 2, 15, 16, 17, 33, 64, 101] {
            var values = [Float](repeating: .greatestFiniteMagnitude, count: count)
            #expect(mexit_all_finite_f32(values, count))
            for place in 0..<count {
                for bad in [Float.nan, .infinity, -.infinity] {
                    values[place] = bad
                    #expect(!mexit_all_finite_f32(values, count), "\(bad) at \(place) of \(count)")
                    #expect(place == 0 || mexit_all_finite_f32(values, place), "beyond the count")
                }
                values[place] = -.greatestFiniteMagnitude
            }
        }
        #expect(mexit_all_finite_f32([], 0))
    }

    @Test func linearGradientsMatchPlainLoops() {
        for (inputs, outputs) in [(1, 1), (7, 3), (16, 10), (33, 5), (128, 10)] {
            var random = TrainingRandom(24)
            let x = TrainingSamples(trainingMap(inputs, 1, 1, halo: 0), count: 3)
            let dy = TrainingSamples(trainingMap(outputs, 1, 1, halo: 0), count: 3)
            x.randomize(&random)
            dy.randomize(&random)
            let weight = random.units(inputs * outputs)
            for accumulate in [false, true] {
                let dx = TrainingSamples(x.map, count: 3)
                dx.randomize(&random)
                let old = dx.values
                var expected = old.map { accumulate ? Double($0) : 0 }
                for n in 0..<3 {
                    for o in 0..<outputs {
                        for i in 0..<inputs {
                            expected[n * inputs + i] += Double(weight[o * inputs + i]) * Double(dy[n, o, 0, 0])
                        }
                    }
                }
                mexit_linear_backward_data_f32(
                    Int32(inputs), Int32(outputs), weight, dy.constPointers, dx.pointers, 3, accumulate)
                expectClose(dx.values, expected, terms: outputs, "dx \(inputs)->\(outputs)")
                #expect(dx.damage() == nil)
            }
            var dweight = random.units(inputs * outputs), dbias = random.units(outputs)
            var expected = dweight.map(Double.init), expectedBias = dbias.map(Double.init)
            for n in 0..<3 {
                for o in 0..<outputs {
                    expectedBias[o] += Double(dy[n, o, 0, 0])
                    for i in 0..<inputs { expected[o * inputs + i] += Double(dy[n, o, 0, 0]) * Double(x[n, i, 0, 0]) }
                }
            }
            mexit_linear_backward_weights_f32(
                Int32(inputs), Int32(outputs), x.constPointers, dy.constPointers, 3, &dweight, &dbias)
            expectClose(dweight, expected, terms: 3, magnitude: 2, "dweight \(inputs)->\(outputs)")
            expectClose(dbias, expectedBias, terms: 3, magnitude: 2, "dbias \(inputs)->\(outputs)")
            mexit_linear_backward_weights_f32(Int32(inputs), Int32(outputs), x.constPointers, dy.constPointers, 3, &dweight, nil)
        }
    }
}
