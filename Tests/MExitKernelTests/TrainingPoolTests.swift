import CMExitKernels
import Testing

@Suite struct TrainingPoolTests {
    struct Window { let kernel, stride, pad, height, width: Int }
    static let windows = [
        Window(kernel: 2, stride: 2, pad: 0, height: 8, width: 8), Window(kernel: 3, stride: 2, pad: 1, height: 7, width: 9),
        Window(kernel: 3, stride: 1, pad: 1, height: 5, width: 4), Window(kernel: 2, stride: 3, pad: 0, height: 8, width: 7),
        Window(kernel: 3, stride: 3, pad: 1, height: 1, width: 2),
    ]

    private func pool(_ w: Window, halos: (Int, Int), countPadding: Bool) -> mexit_pool2d {
        func out(_ size: Int) -> Int { (size + 2 * w.pad - w.kernel) / w.stride + 1 }
        return mexit_pool2d(
            kernel_h: Int32(w.kernel), kernel_w: Int32(w.kernel), stride_h: Int32(w.stride), stride_w: Int32(w.stride),
            pad_h: Int32(w.pad), pad_w: Int32(w.pad), count_include_pad: countPadding,
            x: trainingMap(3, w.height, w.width, halo: halos.0),
            y: trainingMap(3, out(w.height), out(w.width), halo: halos.1))
    }

    /// Pixels of x inside the window of output (h, w).
    private func inside(_ w: Window, _ h: Int, _ x: Int) -> [(Int, Int)] {
        var pixels: [(Int, Int)] = []
        for a in 0..<w.kernel {
            for b in 0..<w.kernel {
                let (r, c) = (h * w.stride - w.pad + a, x * w.stride - w.pad + b)
                if r >= 0, r < w.height, c >= 0, c < w.width { pixels.append((r, c)) }
            }
        }
        return pixels
    }

    @Test func maximumSendsTheGradientToTheFirstMaximum() {
        for window in Self.windows {
            for halos in [(0, 0), (1, 0), (1, 2)] {
                var pool = pool(window, halos: halos, countPadding: false), random = TrainingRandom(11)
                let x = TrainingSamples(pool.x, count: 2), y = TrainingSamples(pool.y, count: 2)
                let dy = TrainingSamples(pool.y, count: 2), start = TrainingSamples(pool.x, count: 2)
                dy.randomize(&random)
                start.randomize(&random)
                x.forEach { x[$0, $1, $2, $3] = Float(Int.random(in: -2...1, using: &random)) } // many ties
                let perSample = y.channels * y.height * y.width
                var gradient = [Double](repeating: 0, count: start.values.count)
                y.forEach { n, c, h, w in
                    var best: (Int, Int)?
                    for pixel in inside(window, h, w) {
                        if let seen = best, x[n, c, pixel.0, pixel.1] <= x[n, c, seen.0, seen.1] { continue }
                        best = pixel
                    }
                    guard let best else { return }
                    let (r, q) = best
                    gradient[((n * 3 + c) * window.height + r) * window.width + q] += Double(dy[n, c, h, w])
                }
                let places = UnsafeMutableBufferPointer<Int32>.allocate(capacity: 2 * perSample)
                defer { places.deallocate() }
                places.initialize(repeating: -1)
                let table = (0..<2).map { sample in places.baseAddress.map { $0 + sample * perSample } }
                mexit_max_pool2d_f32(&pool, x.constPointers, y.pointers, table, 2)
                for accumulate in [false, true] {
                    let dx = start.copy()
                    mexit_max_pool2d_backward_f32(
                        &pool, dy.constPointers, table.map { UnsafePointer($0) }, dx.pointers, 2, accumulate)
                    let expected = zip(gradient, start.values).map { $0 + (accumulate ? Double($1) : 0) }
                    expectClose(dx.values, expected, terms: 10, "max pool \(window) accumulate \(accumulate)")
                    #expect(dx.damage() == nil)
                }
            }
        }
    }

    @Test(arguments: [false, true]) func averageSharesTheGradient(countPadding: Bool) {
        for window in Self.windows {
            for halos in [(0, 0), (1, 0), (1, 2)] {
                var pool = pool(window, halos: halos, countPadding: countPadding), random = TrainingRandom(12)
                let dy = TrainingSamples(pool.y, count: 2), start = TrainingSamples(pool.x, count: 2)
                dy.randomize(&random)
                start.randomize(&random)
                var gradient = [Double](repeating: 0, count: start.values.count)
                dy.forEach { n, c, h, w in
                    let pixels = inside(window, h, w)
                    let count = countPadding ? window.kernel * window.kernel : pixels.count
                    for (r, q) in pixels {
                        gradient[((n * 3 + c) * window.height + r) * window.width + q] += Double(dy[n, c, h, w]) / Double(count)
                    }
                }
                for accumulate in [false, true] {
                    let dx = start.copy()
                    mexit_avg_pool2d_backward_f32(&pool, dy.constPointers, dx.pointers, 2, accumulate)
                    let expected = zip(gradient, start.values).map { $0 + (accumulate ? Double($1) : 0) }
                    expectClose(dx.values, expected, terms: 10, "average pool \(window) accumulate \(accumulate)")
                    #expect(dx.damage() == nil)
                }
            }
        }
    }
}
