import CMExitKernels
import Testing
import _MExitTestSupport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Pointwise functions against plain loops, on odd sizes, with and without halos.
@Suite struct PointwiseTests {
    private static let sizes: [(channels: Int, height: Int, width: Int)] = [
        (1, 1, 1), (3, 2, 2), (2, 1, 37), (5, 7, 7), (2, 16, 16), (3, 5, 33),
    ]
    private static let samples = 3

    private static func map(_ size: (channels: Int, height: Int, width: Int), halo: Int) -> mexit_map {
        mexit_map_make(Int32(size.channels), Int32(size.height), Int32(size.width), Int32(halo))
    }

    /// Random maps with ties, zeros of both signs and values on both sides of every kink.
    private static func inputs(_ map: mexit_map, seed: UInt64) -> [MapBuffer] {
        var random = SeededGenerator(seed: seed)
        let count = Int(map.channels * map.height * map.width)
        return (0..<samples).map { _ in
            var values = random.floats(count, -8...8)
            for index in stride(from: 0, to: count, by: 5) { values[index] = index % 2 == 0 ? 0 : -0.0 }
            for index in stride(from: 3, to: count, by: 7) { values[index] = 2 }
            return MapBuffer(map, values)
        }
    }

    /// Calls `body` for every size and pair of halos with x and an empty y of the same size.
    private static func withEverySize(_ body: (inout mexit_map, inout mexit_map, [MapBuffer], [MapBuffer], String) throws -> Void)
        rethrows
    {
        for (index, size) in sizes.enumerated() {
            for (xHalo, yHalo) in [(0, 0), (1, 0), (2, 1)] {
                var (xm, ym) = (map(size, halo: xHalo), map(size, halo: yHalo))
                let x = inputs(xm, seed: UInt64(index + 1))
                try body(&xm, &ym, x, (0..<samples).map { _ in MapBuffer(ym) }, "\(size), halos \(xHalo) \(yHalo)")
            }
        }
    }

    private static func relu(_ v: Float) -> Float { v < 0 ? 0 : v }

    @Test(arguments: [false, true]) func scaleAndShift(relu: Bool) throws {
        try Self.withEverySize { xm, ym, x, y, what in
            var random = SeededGenerator(seed: 4)
            let scale = random.floats(Int(xm.channels)), bias = random.floats(Int(xm.channels))
            let plane = Int(xm.height * xm.width)
            let expected = x.map { $0.values.enumerated().map { index, v in
                let r = bias[index / plane].addingProduct(scale[index / plane], v)
                return relu ? Self.relu(r) : r
            } }
            let activation = relu ? MEXIT_ACTIVATION_RELU : MEXIT_ACTIVATION_NONE
            withInputs(x) { xs in withOutputs(y) { mexit_scale_shift_f32(&xm, &ym, xs, $0, Self.samples, scale, bias, activation) } }
            for s in 0..<Self.samples {
                try y[s].check()
                try assertSameBits(y[s].values, expected[s], what)
            }
            withInputs(x) { xs in withOutputs(x) { mexit_scale_shift_f32(&xm, &xm, xs, $0, Self.samples, scale, bias, activation) } }
            for s in 0..<Self.samples { try assertSameBits(x[s].values, expected[s], "in place: \(what)") }
        }
    }

    /// The op in double, and how far f32 may be from it.
    private static func exact(_ op: mexit_unary, _ parameter: Double, _ v: Double) -> Double {
        switch op {
        case MEXIT_UNARY_IDENTITY: v
        case MEXIT_UNARY_RELU: max(v, 0)
        case MEXIT_UNARY_RELU6: min(max(v, 0), 6)
        case MEXIT_UNARY_LEAKY_RELU: v < 0 ? parameter * v : v
        case MEXIT_UNARY_SIGMOID: 1 / (1 + exp(-v))
        case MEXIT_UNARY_TANH: tanh(v)
        case MEXIT_UNARY_SILU: v / (1 + exp(-v))
        case MEXIT_UNARY_HARD_SWISH: v * min(max(v + 3, 0), 6) / 6
        default: 0.5 * v * (1 + erf(v / 2.0.squareRoot()))
        }
    }

    @Test(arguments: [
        MEXIT_UNARY_IDENTITY, MEXIT_UNARY_RELU, MEXIT_UNARY_RELU6, MEXIT_UNARY_LEAKY_RELU, MEXIT_UNARY_SIGMOID,
        MEXIT_UNARY_TANH, MEXIT_UNARY_SILU, MEXIT_UNARY_HARD_SWISH, MEXIT_UNARY_GELU,
    ].map(\.rawValue))
    func unary(rawValue: UInt32) throws {
        let op = mexit_unary(rawValue: rawValue)
        try Self.withEverySize { xm, ym, x, y, what in
            let expected = x.map { $0.values.map { Self.exact(op, Double(Float(0.1)), Double($0)) } }
            withInputs(x) { xs in withOutputs(y) { mexit_unary_f32(op, 0.1, &xm, &ym, xs, $0, Self.samples) } }
            for s in 0..<Self.samples {
                try y[s].check()
                // Every op is a handful of roundings of intermediate values no larger than 16.
                try assertClose(
                    y[s].values, expected[s], within: x[s].values.map { 8 * 0x1p-24 * max(1, abs(Double($0))) }, what)
                if op == MEXIT_UNARY_SIGMOID { #expect(y[s].values.allSatisfy { (0...1).contains($0) }) }
            }
            withInputs(x) { xs in withOutputs(x) { mexit_unary_f32(op, 0.1, &xm, &xm, xs, $0, Self.samples) } }
            for s in 0..<Self.samples { try assertSameBits(x[s].values, y[s].values, "in place: \(what)") }
        }
    }

    @Test(arguments: [false, true]) func addition(relu: Bool) throws {
        try Self.withEverySize { am, ym, a, y, what in
            var bm = ym
            let b = Self.inputs(bm, seed: 77)
            let expected = zip(a, b).map { zip($0.values, $1.values).map { relu ? Self.relu($0 + $1) : $0 + $1 } }
            let activation = relu ? MEXIT_ACTIVATION_RELU : MEXIT_ACTIVATION_NONE
            withInputs(a) { az in
                withInputs(b) { bz in
                    withOutputs(y) { mexit_add_f32(&am, &bm, &ym, az, bz, $0, Self.samples, activation) }
                    withOutputs(b) { mexit_add_f32(&am, &bm, &bm, az, bz, $0, Self.samples, activation) }
                }
            }
            for s in 0..<Self.samples {
                try y[s].check()
                try assertSameBits(y[s].values, expected[s], what)
                try assertSameBits(b[s].values, expected[s], "in place: \(what)")
            }
        }
    }

    @Test func flatten() throws {
        try Self.withEverySize { xm, _, x, _, what in
            let count = xm.channels * xm.height * xm.width
            let y = (0..<Self.samples).map { _ in MapBuffer(mexit_map_make(count, 1, 1, 0)) }
            withInputs(x) { xs in withOutputs(y) { mexit_flatten_f32(&xm, xs, $0, Self.samples) } }
            for s in 0..<Self.samples {
                try y[s].check()
                try assertSameBits(y[s].values, x[s].values, what)
            }
        }
    }

    /// Against double precision; the kernels' own order of roundings allows a few units of the largest value.
    @Test(arguments: [(1, 1), (2, 7), (7, 5), (16, 300)], [true, false]) func resizing(size: (Int, Int), alignCorners: Bool) throws {
        func place(_ i: Int, _ from: Int, _ to: Int) -> (low: Int, high: Int, weight: Double) {
            let aligned = to > 1 ? Double(i) * Double(from - 1) / Double(to - 1) : 0
            let position = alignCorners ? aligned : max((Double(i) + 0.5) * Double(from) / Double(to) - 0.5, 0)
            return (Int(position), min(Int(position) + 1, from - 1), position - position.rounded(.down))
        }
        try Self.withEverySize { xm, _, x, _, what in
            var ym = mexit_map_make(xm.channels, Int32(size.0), Int32(size.1), 1)
            let y = (0..<Self.samples).map { _ in MapBuffer(ym) }
            withInputs(x) { xs in withOutputs(y) { mexit_resize_bilinear_f32(&xm, &ym, alignCorners, xs, $0, Self.samples) } }
            let (height, width) = (Int(xm.height), Int(xm.width))
            for s in 0..<Self.samples {
                try y[s].check()
                let values = x[s].values
                let largest = Double(values.map(abs).max() ?? 0)
                var expected: [Double] = []
                for c in 0..<Int(xm.channels) {
                    for h in 0..<size.0 {
                        let v = place(h, height, size.0)
                        for w in 0..<size.1 {
                            let u = place(w, width, size.1)
                            func row(_ r: Int) -> Double {
                                (1 - u.weight) * Double(values[(c * height + r) * width + u.low])
                                    + u.weight * Double(values[(c * height + r) * width + u.high])
                            }
                            expected.append((1 - v.weight) * row(v.low) + v.weight * row(v.high))
                        }
                    }
                }
                try assertClose(y[s].values, expected, within: expected.map { _ in 8 * Double(Float.ulpOfOne) * largest }, what)
            }
        }
    }

    @Test(arguments: [(1, 1), (2, 3), (3, 1)]) func upsampling(rows: Int, columns: Int) throws {
        try Self.withEverySize { xm, _, x, _, what in
            var ym = mexit_map_make(xm.channels, xm.height * Int32(rows), xm.width * Int32(columns), 1)
            let y = (0..<Self.samples).map { _ in MapBuffer(ym) }
            withInputs(x) { xs in withOutputs(y) { mexit_upsample_nearest_f32(&xm, &ym, xs, $0, Self.samples) } }
            let (height, width) = (Int(xm.height), Int(xm.width))
            for s in 0..<Self.samples {
                try y[s].check()
                let values = x[s].values
                var expected: [Float] = []
                for c in 0..<Int(xm.channels) {
                    for h in 0..<height * rows {
                        for w in 0..<width * columns { expected.append(values[(c * height + h / rows) * width + w / columns]) }
                    }
                }
                try assertSameBits(y[s].values, expected, what)
            }
        }
    }
}
