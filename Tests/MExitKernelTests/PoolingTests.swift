import CMExitKernels
import Testing
import _MExitTestSupport

/// Pooling against plain loops over the window.
@Suite struct PoolingTests {
    struct Case: Sendable, CustomStringConvertible {
        var channels = 2, height = 8, width = 8
        var kernel = (2, 2), stride = (2, 2), pad = (0, 0)
        var includePad = false

        var outHeight: Int { (height + 2 * pad.0 - kernel.0) / stride.0 + 1 }
        var outWidth: Int { (width + 2 * pad.1 - kernel.1) / stride.1 + 1 }
        var description: String { "\(channels) x \(height) x \(width), kernel \(kernel), stride \(stride), pad \(pad), include \(includePad)" }

        var pool: mexit_pool2d {
            mexit_pool2d(
                kernel_h: Int32(kernel.0), kernel_w: Int32(kernel.1), stride_h: Int32(stride.0), stride_w: Int32(stride.1),
                pad_h: Int32(pad.0), pad_w: Int32(pad.1), count_include_pad: includePad,
                x: mexit_map_make(Int32(channels), Int32(height), Int32(width), 1),
                y: mexit_map_make(Int32(channels), Int32(outHeight), Int32(outWidth), 2))
        }

        /// Places (dense, of the plane) of the pixels inside output (h, w)'s window.
        func window(_ h: Int, _ w: Int) -> [Int] {
            let rows = max(0, h * stride.0 - pad.0)..<min(height, h * stride.0 - pad.0 + kernel.0)
            let columns = max(0, w * stride.1 - pad.1)..<min(width, w * stride.1 - pad.1 + kernel.1)
            return rows.flatMap { row in columns.map { row * width + $0 } }
        }

        /// For every output value: its plane's first place in a dense `[C, H, W]`, and its window.
        var windows: [(plane: Int, window: [Int])] {
            (0..<channels).flatMap { c in
                (0..<outHeight).flatMap { h in (0..<outWidth).map { (c * height * width, window(h, $0)) } }
            }
        }
    }

    static let cases: [Case] =
        [
            Case(), Case(height: 1, width: 1, kernel: (1, 1)), Case(height: 7, width: 9, kernel: (3, 3), pad: (1, 1)),
            Case(channels: 3, height: 20, width: 37, kernel: (3, 2), stride: (1, 1), pad: (1, 1)),
            Case(height: 4, width: 4, kernel: (4, 4), stride: (1, 1)), Case(height: 11, width: 40, kernel: (3, 5), stride: (3, 1)),
            Case(height: 2, width: 3, kernel: (2, 2), stride: (1, 1), pad: (1, 1)),
            // Rows wider than what is pooled at a time.
            Case(height: 9, width: 37, kernel: (3, 3), pad: (1, 1)), Case(channels: 1, height: 3, width: 1301, kernel: (3, 3), pad: (1, 1)),
            Case(channels: 1, height: 5, width: 1100, kernel: (2, 7), stride: (1, 3), pad: (0, 3)),
        ]

    private static let samples = 2

    private static func inputs(_ c: Case) -> [MapBuffer] {
        var random = SeededGenerator(seed: 5)
        return (0..<samples).map { _ in
            // Few distinct values, so that ties are common.
            MapBuffer(c.pool.x, random.floats(c.channels * c.height * c.width, -4...4).map { $0.rounded() })
        }
    }

    @Test(arguments: cases) func maximum(_ c: Case) throws {
        var pool = c.pool
        let x = Self.inputs(c)
        let y = x.map { _ in MapBuffer(pool.y) }, yAgain = x.map { _ in MapBuffer(pool.y) }
        let count = c.windows.count
        let places = UnsafeMutablePointer<Int32>.allocate(capacity: count * Self.samples)
        defer { places.deallocate() }
        let argmax: [UnsafeMutablePointer<Int32>?] = (0..<Self.samples).map { places + $0 * count }
        withInputs(x) { xs in
            withOutputs(y) { mexit_max_pool2d_f32(&pool, xs, $0, nil, Self.samples) }
            withOutputs(yAgain) { mexit_max_pool2d_f32(&pool, xs, $0, argmax, Self.samples) }
        }
        for s in 0..<Self.samples {
            try y[s].check()
            try yAgain[s].check()
            let values = x[s].values
            let expected = try c.windows.map { plane, window in
                try #require(window.max { values[plane + $0] < values[plane + $1] || values[plane + $0] == values[plane + $1] && $0 > $1 })
            }
            let maxima = zip(c.windows, expected).map { values[$0.plane + $1] }
            #expect(y[s].values == maxima, "\(c)")
            #expect(yAgain[s].values == maxima, "\(c)")
            #expect((0..<count).map { Int(places[s * count + $0]) } == expected, "\(c)")
        }
    }

    @Test(arguments: cases, [false, true]) func average(_ base: Case, includePad: Bool) throws {
        var c = base
        c.includePad = includePad
        var pool = c.pool
        let x = Self.inputs(c)
        let y = x.map { _ in MapBuffer(pool.y) }
        withInputs(x) { xs in withOutputs(y) { mexit_avg_pool2d_f32(&pool, xs, $0, Self.samples) } }
        for s in 0..<Self.samples {
            try y[s].check()
            let values = x[s].values
            // The sums are whole numbers, hence exact: only the division rounds.
            let expected = c.windows.map { plane, window in
                window.reduce(0) { $0 + values[plane + $1] } / Float(includePad ? c.kernel.0 * c.kernel.1 : window.count)
            }
            #expect(y[s].values == expected, "\(c)")
        }
    }

    @Test func aNotANumberStays() {
        var pool = Case(height: 4, width: 4).pool
        let x = MapBuffer(pool.x, (0..<32).map { $0 == 5 ? .nan : Float($0) }), y = MapBuffer(pool.y)
        var place = [Int32](repeating: -1, count: 8)
        withInputs([x]) { xs in
            withOutputs([y]) { ys in
                mexit_max_pool2d_f32(&pool, xs, ys, nil, 1)
                #expect(y.values[0].isNaN && !y.values[1...].contains(where: \.isNaN))
                place.withUnsafeMutableBufferPointer {
                    let places: [UnsafeMutablePointer<Int32>?] = [$0.baseAddress]
                    mexit_max_pool2d_f32(&pool, xs, ys, places, 1)
                }
            }
        }
        #expect(y.values[0].isNaN && !y.values[1...].contains(where: \.isNaN))
        #expect(place[0] == 5)
    }

    @Test(arguments: [(1, 1), (2, 2), (7, 7), (8, 8), (5, 33)]) func globalAverage(height: Int, width: Int) throws {
        var xm = mexit_map_make(3, Int32(height), Int32(width), 1), ym = mexit_map_make(3, 1, 1, 0)
        var random = SeededGenerator(seed: 6)
        let x = (0..<Self.samples).map { _ in MapBuffer(xm, random.floats(3 * height * width)) }
        let y = x.map { _ in MapBuffer(ym) }
        withInputs(x) { xs in withOutputs(y) { mexit_global_avg_pool_f32(&xm, &ym, xs, $0, Self.samples) } }
        for s in 0..<Self.samples {
            try y[s].check()
            let values = x[s].values, pixels = height * width
            let expected = (0..<3).map { c in values[c * pixels..<(c + 1) * pixels].reduce(0.0) { $0 + Double($1) } / Double(pixels) }
            // Each value passes through at most one addition per row, two per tail, four of the tree, and a division.
            let roundings = Double(height * (width / 16 + 1) + 5)
            try assertClose(y[s].values, expected, within: Array(repeating: roundings * 0x1p-24, count: 3), "\(height) x \(width)")
        }
    }
}
