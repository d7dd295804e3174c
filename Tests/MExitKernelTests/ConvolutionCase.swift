import CMExitKernels
import _MExitTestSupport

/// One convolution to test: shapes, layouts and the options of a run.
struct ConvolutionCase: CustomStringConvertible {
    var inputs = 1, outputs = 1, groups = 1
    var height = 1, width = 1
    var kernel = (1, 1), stride = (1, 1), pad = (0, 0), dilation = (1, 1)
    var xHalo: Int?
    var yHalo = 0
    /// Extra floats per row and per plane of both maps: strides that are larger than they need to be.
    var rowGap = 0, planeGap = 0
    var samples = 1
    var accumulate = false, add = false, relu = false, bias = true
    var seed: UInt64 = 1

    var outHeight: Int { (height + 2 * pad.0 - dilation.0 * (kernel.0 - 1) - 1) / stride.0 + 1 }
    var outWidth: Int { (width + 2 * pad.1 - dilation.1 * (kernel.1 - 1) - 1) / stride.1 + 1 }
    var taps: Int { inputs / groups * kernel.0 * kernel.1 }
    var macs: Int { taps * outputs * outHeight * outWidth }
    var isPossible: Bool {
        height + 2 * pad.0 > dilation.0 * (kernel.0 - 1) && width + 2 * pad.1 > dilation.1 * (kernel.1 - 1)
    }

    private func map(_ channels: Int, _ height: Int, _ width: Int, _ halo: Int) -> mexit_map {
        var m = mexit_map_make(Int32(channels), Int32(height), Int32(width), Int32(halo))
        m.row_stride += Int64(rowGap)
        m.channel_stride += Int64((height + 2 * halo) * rowGap + planeGap)
        return m
    }

    var conv: mexit_conv2d {
        mexit_conv2d(
            in_channels: Int32(inputs), out_channels: Int32(outputs), groups: Int32(groups), kernel_h: Int32(kernel.0),
            kernel_w: Int32(kernel.1), stride_h: Int32(stride.0), stride_w: Int32(stride.1), pad_h: Int32(pad.0),
            pad_w: Int32(pad.1), dilation_h: Int32(dilation.0), dilation_w: Int32(dilation.1),
            x: map(inputs, height, width, xHalo ?? max(pad.0, pad.1)), y: map(outputs, outHeight, outWidth, yHalo))
    }

    var description: String {
        "\(inputs)->\(outputs) groups \(groups), \(height)x\(width), kernel \(kernel), stride \(stride), pad \(pad), "
            + "dilation \(dilation), halos \(xHalo.map(String.init) ?? "pad") \(yHalo), gaps \(rowGap) \(planeGap), "
            + "\(samples) samples, accumulate \(accumulate), add \(add), relu \(relu), bias \(bias), seed \(seed)"
    }
}

extension ConvolutionCase {
    /// Weights `[O, I / groups, kh, kw]`, biases, and per sample x, the old y and the addend, all dense.
    struct Data {
        var weight: [Float], bias: [Float]
        var x: [[Float]], old: [[Float]], add: [[Float]]
    }

    func data() -> Data {
        var random = SeededGenerator(seed: seed)
        let y = outputs * outHeight * outWidth
        return Data(
            weight: random.floats(outputs * taps), bias: random.floats(outputs),
            x: (0..<samples).map { _ in random.floats(inputs * height * width) },
            old: (0..<samples).map { _ in random.floats(y) }, add: (0..<samples).map { _ in random.floats(y) })
    }

    /// Runs a kernel and returns each sample's y; throws when it wrote anything but y's interior.
    /// - Parameter unitByUnit: one call per unit, last unit first, as threads might.
    func run(_ kernel: mexit_conv2d_kernel, _ data: Data, unitByUnit: Bool = false, misalignment: Int = 0) throws -> [[Float]] {
        var conv = self.conv
        let packed = GuardedBuffer(count: kernel.packed_floats(&conv), misalignment: misalignment)
        kernel.pack(&conv, data.weight, bias ? data.bias : nil, packed.pointer)
        try packed.checkGuards()
        let scratch = GuardedBuffer(count: kernel.scratch_floats(&conv))
        let x = data.x.map { MapBuffer(conv.x, $0, misalignment: misalignment) }
        let y = data.old.map { MapBuffer(conv.y, $0, misalignment: misalignment) }
        let addends = data.add.map { MapBuffer(conv.y, $0) }
        let units = kernel.units(&conv)
        withInputs(x) { xs in
            withOutputs(y) { ys in
                withInputs(addends) { adds in
                    var run = mexit_conv2d_run(
                        x: xs, y: ys, add: add ? adds : nil, n: samples, unit_begin: 0, unit_end: units,
                        accumulate: accumulate,
                        activation: relu ? MEXIT_ACTIVATION_RELU : MEXIT_ACTIVATION_NONE,
                        scratch: scratch.count > 0 ? scratch.pointer : nil, ahead: packed.pointer, ahead_floats: packed.count)
                    if unitByUnit {
                        for unit in (0..<units).reversed() {
                            (run.unit_begin, run.unit_end) = (unit, unit + 1)
                            kernel.run(&conv, packed.pointer, &run)
                        }
                    } else {
                        kernel.run(&conv, packed.pointer, &run)
                    }
                }
            }
        }
        try scratch.checkGuards()
        for map in x + y + addends { try map.check() }
        return y.map(\.values)
    }

    /// The definition, in double, with a bound on the rounding of any order of f32 arithmetic.
    func exact(_ data: Data, sample: Int) -> (values: [Double], tolerance: [Double]) {
        var values: [Double] = []
        var tolerance: [Double] = []
        for o in 0..<outputs {
            for h in 0..<outHeight {
                for w in 0..<outWidth {
                    let place = (o * outHeight + h) * outWidth + w
                    var (sum, size) = window(data, sample, o, h, w)
                    let start = Double(accumulate ? data.old[sample][place] : bias ? data.bias[o] : 0)
                    let addend = add ? Double(data.add[sample][place]) : 0
                    sum += start + addend
                    size += abs(start) + abs(addend)
                    values.append(relu ? max(sum, 0) : sum)
                    tolerance.append(Double(taps + 2) * 0x1p-24 * size * 1.01)
                }
            }
        }
        return (values, tolerance)
    }

    /// Sum of the products of one window, and of their absolute values.
    private func window(_ data: Data, _ sample: Int, _ o: Int, _ h: Int, _ w: Int) -> (Double, Double) {
        let groupInputs = inputs / groups
        let group = o / (outputs / groups)
        var (sum, size) = (0.0, 0.0)
        for i in 0..<groupInputs {
            for ky in 0..<kernel.0 {
                for kx in 0..<kernel.1 {
                    let row = h * stride.0 - pad.0 + ky * dilation.0
                    let column = w * stride.1 - pad.1 + kx * dilation.1
                    guard (0..<height).contains(row), (0..<width).contains(column) else { continue }
                    let x = data.x[sample][((group * groupInputs + i) * height + row) * width + column]
                    let weight = data.weight[((o * groupInputs + i) * kernel.0 + ky) * kernel.1 + kx]
                    sum += Double(x) * Double(weight)
                    size += abs(Double(x) * Double(weight))
                }
            }
        }
        return (sum, size)
    }
}
