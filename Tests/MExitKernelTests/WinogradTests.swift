import CMExitKernels
import Testing
import _MExitTestSupport

/// Kernels that reorder: not the reference's bits, but within the bound of their algorithm, and always the same.
@Suite struct WinogradTests {
    private static func kernels() -> [mexit_conv2d_kernel] {
        var count = 0
        let first = mexit_conv2d_kernels(&count)
        return UnsafeBufferPointer(start: first, count: count).filter { $0.reorders && mexit_cpu_has($0.isa) }
    }

    /// Layers that the algorithm is for, partial strips, vectors over several strips, paddings, several panels.
    static let cases: [ConvolutionCase] =
        [
            .square(16, 16, 32, kernel: 3, pad: 1), .square(5, 19, 16, kernel: 3, pad: 1), .square(24, 24, 8, kernel: 3, pad: 1),
            .square(8, 9, 7, kernel: 3, pad: 1), .square(3, 8, 14, kernel: 3, pad: 1), .square(4, 4, 4, kernel: 3, pad: 1),
            .square(6, 5, 10, kernel: 3), .square(4, 17, 11, kernel: 3, pad: 2), .square(130, 40, 8, kernel: 3, pad: 1),
        ]
        + (1...40).map { width in
            var c = ConvolutionCase(inputs: 3, outputs: 1 + width % 11, height: 1 + width % 10, width: width, kernel: (3, 3), pad: (1, 1), xHalo: 1)
            (c.samples, c.seed, c.rowGap, c.yHalo) = (1 + width % 5, UInt64(width), width % 3, width % 2)
            (c.accumulate, c.add, c.relu, c.bias) = (width % 2 == 1, width % 3 == 1, width % 5 > 2, width % 7 > 0)
            return c
        } + strided + ConvolutionCase.all

    /// Stride 2 with outputs in whole squares: rows of squares that fill groups, halves of them and neither, several slices and
    /// batches, channels that do not fill vectors, paddings and layouts.
    private static let strided: [ConvolutionCase] =
        [
            .square(16, 32, 32, kernel: 3, stride: 2, pad: 1), .square(40, 70, 16, kernel: 3, stride: 2, pad: 1),
            .square(160, 128, 8, kernel: 3, stride: 2, pad: 1), .square(70, 33, 7, kernel: 3, stride: 2, pad: 1),
            .square(20, 16, 9, kernel: 3, stride: 2), .square(9, 96, 24, kernel: 3, stride: 2, pad: 1),
        ]
        + (1...60).map { index in
            let width = 4 * (1 + index % 7), height = 2 * (1 + index % 5), pad = index % 3
            var c = ConvolutionCase(
                inputs: 1 + index % 9, outputs: 1 + 5 * index % 67, height: 2 * height + 1 - 2 * pad + index % 2,
                width: 2 * width + 1 - 2 * pad + index / 2 % 2, kernel: (3, 3), stride: (2, 2), pad: (pad, pad), xHalo: max(pad, 1))
            (c.samples, c.seed, c.rowGap, c.planeGap, c.yHalo) = (1 + index % 6, UInt64(index), index % 3, index % 5, index % 2)
            (c.accumulate, c.add, c.relu, c.bias) = (index % 2 == 1, index % 3 == 1, index % 5 > 2, index % 7 > 0)
            return c
        }

    @Test func everyKernelKeepsItsErrorBound() throws {
        for kernel in Self.kernels() {
            var ran = 0
            for c in Self.cases {
                var conv = c.conv
                guard kernel.supports(&conv) else { continue }
                ran += 1
                let data = c.data()
                let y = try c.run(kernel, data)
                for sample in 0..<c.samples {
                    let exact = c.exact(data, sample: sample).values
                    try assertClose(y[sample], exact, within: Self.tolerance(kernel, c, data, sample), "\(String(cString: kernel.name)): \(c)")
                }
            }
            print("\(String(cString: kernel.name)): \(ran) cases")
            #expect(ran > 50)
        }
    }

    private static func tolerance(
        _ kernel: mexit_conv2d_kernel, _ c: ConvolutionCase, _ data: ConvolutionCase.Data, _ sample: Int
    ) -> [Double] {
        String(cString: kernel.name).contains("squares") ? c.squaresTolerance(data, sample: sample) : c.winogradTolerance(data, sample: sample)
    }

    /// Whatever the batch and the split into units.
    @Test func everyKernelGivesOneResult() throws {
        for kernel in Self.kernels() {
            for c in Self.cases {
                var conv = c.conv
                guard kernel.supports(&conv) else { continue }
                let data = c.data()
                let what = "\(String(cString: kernel.name)): \(c)"
                let together = try c.run(kernel, data)
                let parts = try c.run(kernel, data, unitByUnit: true, misalignment: Int(c.seed % 16))
                for sample in 0..<c.samples {
                    try assertSameBits(parts[sample], together[sample], what)
                    var alone = c
                    alone.samples = 1
                    let own = ConvolutionCase.Data(
                        weight: data.weight, bias: data.bias, x: [data.x[sample]], old: [data.old[sample]], add: [data.add[sample]])
                    try assertSameBits(try alone.run(kernel, own)[0], together[sample], what)
                }
            }
        }
    }

    /// Training packs new weights at every step, and is compared bit for bit between machines: it keeps to direct kernels.
    @Test func theDirectChoiceNeverReorders() throws {
        for c in Self.cases {
            var conv = c.conv
            #expect(try #require(mexit_conv2d_choose(&conv)).pointee.reorders == false)
            let any = try #require(mexit_conv2d_choose_any(&conv)).pointee
            #expect(mexit_cpu_has(any.isa) && any.supports(&conv))
        }
    }
}

extension ConvolutionCase {
    /// A bound on the rounding of F(4, 3) along columns: of each product the sizes that the transforms reach, times one rounding
    /// per term of the longest sum (3 x inputs products, 5 terms of each transform, weights rounded once, bias and addend).
    func winogradTolerance(_ data: Data, sample: Int) -> [Double] {
        let input: [[Double]] = [
            [4, 0, 5, 0, 1, 0], [0, 4, 4, 1, 1, 0], [0, 4, 4, 1, 1, 0], [0, 2, 1, 2, 1, 0], [0, 2, 1, 2, 1, 0], [0, 4, 0, 5, 0, 1],
        ]
        let weights: [[Double]] = [
            [1.0 / 4, 0, 0], [1.0 / 6, 1.0 / 6, 1.0 / 6], [1.0 / 6, 1.0 / 6, 1.0 / 6], [1.0 / 24, 1.0 / 12, 1.0 / 6],
            [1.0 / 24, 1.0 / 12, 1.0 / 6], [0, 0, 1],
        ]
        let output: [[Double]] = [[1, 1, 1, 1, 1, 0], [0, 1, 1, 2, 2, 0], [0, 1, 1, 4, 4, 0], [0, 1, 1, 8, 8, 1]]
        func pixel(_ i: Int, _ row: Int, _ column: Int) -> Double {
            guard (0..<height).contains(row), (0..<width).contains(column) else { return 0 }
            return Double(abs(data.x[sample][(i * height + row) * width + column]))
        }
        let terms = Double(3 * inputs + 5 + 5 + 5 + 2)
        var result: [Double] = []
        for o in 0..<outputs {
            for h in 0..<outHeight {
                for w in 0..<outWidth {
                    var size = Double(abs(bias ? data.bias[o] : 0)) + Double(accumulate ? abs(data.old[sample][result.count]) : 0)
                    size += add ? Double(abs(data.add[sample][result.count])) : 0
                    for i in 0..<inputs {
                        for kx in 0..<3 {
                            let column = (0..<6).map { pixel(i, h / 4 * 4 - pad.0 + $0, w - pad.1 + kx) }
                            let taps = (0..<3).map { Double(abs(data.weight[((o * inputs + i) * 3 + $0) * 3 + kx])) }
                            for p in 0..<6 where output[h % 4][p] != 0 {
                                let x = zip(input[p], column).reduce(0) { $0 + $1.0 * $1.1 }
                                let g = zip(weights[p], taps).reduce(0) { $0 + $1.0 * $1.1 }
                                size += output[h % 4][p] * x * g
                            }
                        }
                    }
                    result.append(terms * 0x1p-24 * size * 1.01)
                }
            }
        }
        return result
    }

    /// A bound on the rounding of squares of 2 x 2 outputs: of each product the sizes that the transforms reach, times one rounding
    /// per term of the longest sum (4 x inputs products, 2 terms of each transform, bias and addend).
    func squaresTolerance(_ data: Data, sample: Int) -> [Double] {
        // Along either axis the points a, o0, e1, c, o1 of five inputs and of three weights, and those of each output.
        let input: [[Double]] = [[1, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 1, 0]]
        let weights: [[Double]] = [[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], [0, 1, 0]]
        let output = [[0, 1, 2], [2, 3, 4]]
        func pixel(_ i: Int, _ row: Int, _ column: Int) -> Double {
            guard (0..<height).contains(row), (0..<width).contains(column) else { return 0 }
            return Double(abs(data.x[sample][(i * height + row) * width + column]))
        }
        func size(_ rows: [Double], _ columns: [Double], _ value: (Int, Int) -> Double) -> Double {
            var sum = 0.0
            for r in rows.indices where rows[r] != 0 {
                for c in columns.indices where columns[c] != 0 { sum += value(r, c) }
            }
            return sum
        }
        let terms = Double(4 * inputs + 2 + 2 + 2 + 2)
        var result: [Double] = []
        for o in 0..<outputs {
            for h in 0..<outHeight {
                for w in 0..<outWidth {
                    var sum = Double(abs(bias ? data.bias[o] : 0)) + Double(accumulate ? abs(data.old[sample][result.count]) : 0)
                    sum += add ? Double(abs(data.add[sample][result.count])) : 0
                    for i in 0..<inputs {
                        for p in output[h % 2] {
                            for q in output[w % 2] {
                                let x = size(input[p], input[q]) { pixel(i, h / 2 * 4 - pad.0 + $0, w / 2 * 4 - pad.1 + $1) }
                                let g = size(weights[p], weights[q]) { Double(abs(data.weight[((o * inputs + i) * 3 + $0) * 3 + $1])) }
                                sum += x * g
                            }
                        }
                    }
                    result.append(terms * 0x1p-24 * sum * 1.01)
                }
            }
        }
        return result
    }
}
