import CMExitKernels
import Testing

/// One convolution with layouts, and the gradients of plain loops in double precision.
struct BackwardCase: CustomStringConvertible {
    let conv: mexit_conv2d
    let samples: Int

    init?(
        inputs: Int, outputs: Int, groups: Int = 1, kernel: (Int, Int), stride: Int, pad: Int, dilation: Int = 1,
        size: (Int, Int), halo: (x: Int, y: Int), samples: Int
    ) {
        func out(_ size: Int, _ kernel: Int) -> Int? {
            let room = size + 2 * pad - dilation * (kernel - 1) - 1
            return room < 0 ? nil : room / stride + 1
        }
        guard let height = out(size.0, kernel.0), let width = out(size.1, kernel.1) else { return nil }
        conv = mexit_conv2d(
            in_channels: Int32(inputs), out_channels: Int32(outputs), groups: Int32(groups), kernel_h: Int32(kernel.0),
            kernel_w: Int32(kernel.1), stride_h: Int32(stride), stride_w: Int32(stride), pad_h: Int32(pad),
            pad_w: Int32(pad), dilation_h: Int32(dilation), dilation_w: Int32(dilation),
            x: trainingMap(inputs, size.0, size.1, halo: halo.x), y: trainingMap(outputs, height, width, halo: halo.y))
        self.samples = samples
    }

    var weights: Int { Int(conv.out_channels * (conv.in_channels / conv.groups) * conv.kernel_h * conv.kernel_w) }

    var description: String {
        let c = conv
        return """
            \(c.in_channels)->\(c.out_channels) groups \(c.groups) kernel \(c.kernel_h)x\(c.kernel_w) stride \(c.stride_h) \
            pad \(c.pad_h) dilation \(c.dilation_h) on \(c.x.height)x\(c.x.width), halo x \(c.x.halo), y \(c.y.halo), \
            \(samples) samples
            """
    }

    /// Calls body(weight, sample, input channel, row, column, output channel, row, column) for every product.
    func forEachProduct(_ body: (Int, Int, Int, Int, Int, Int, Int, Int) -> Void) {
        let c = conv, ci = Int(c.in_channels / c.groups), co = Int(c.out_channels / c.groups)
        var weight = 0
        for o in 0..<Int(c.out_channels) {
            for i in 0..<ci {
                for ky in 0..<Int(c.kernel_h) {
                    for kx in 0..<Int(c.kernel_w) {
                        for n in 0..<samples {
                            for h in 0..<Int(c.y.height) {
                                let y = h * Int(c.stride_h) - Int(c.pad_h) + ky * Int(c.dilation_h)
                                guard y >= 0, y < Int(c.x.height) else { continue }
                                for w in 0..<Int(c.y.width) {
                                    let x = w * Int(c.stride_w) - Int(c.pad_w) + kx * Int(c.dilation_w)
                                    guard x >= 0, x < Int(c.x.width) else { continue }
                                    body(weight, n, o / co * ci + i, y, x, o, h, w)
                                }
                            }
                        }
                        weight += 1
                    }
                }
            }
        }
    }

    static let all: [BackwardCase] = {
        var cases: [BackwardCase?] = []
        var turn = 0
        let halos = [(x: 1, y: 1), (x: 0, y: 0), (x: 2, y: 1), (x: 1, y: 3), (x: 3, y: 0)]
        for stride in 1...3 {
            for (kernel, pad, dilation) in [
                ((1, 1), 0, 1), ((3, 3), 1, 1), ((3, 3), 0, 1), ((3, 3), 2, 2), ((2, 2), 1, 1), ((5, 3), 1, 1),
                ((1, 1), 1, 1), ((4, 4), 1, 2), ((7, 7), 3, 1),
            ] {
                for size in [(5, 7), (8, 8), (4, 4), (2, 2), (1, 1), (9, 33)] {
                    for (inputs, outputs, groups) in [(3, 7, 1), (17, 5, 1), (4, 6, 2)] {
                        turn += 1
                        cases.append(
                            BackwardCase(
                                inputs: inputs, outputs: outputs, groups: groups, kernel: kernel, stride: stride, pad: pad,
                                dilation: dilation, size: size, halo: halos[turn % halos.count], samples: 1 + turn % 3))
                    }
                }
            }
        }
        // Shapes of multi-scale networks: whole tiles and their remainders, many samples, depthwise.
        for stride in 1...2 {
            cases.append(
                BackwardCase(
                    inputs: 24, outputs: 13, kernel: (3, 3), stride: stride, pad: 1, size: (16, 16), halo: (1, 1), samples: 5))
            cases.append(
                BackwardCase(
                    inputs: 70, outputs: 26, kernel: (3, 3), stride: stride, pad: 1, size: (4, 4), halo: (1, 1), samples: 35))
            cases.append(
                BackwardCase(
                    inputs: 8, outputs: 8, groups: 8, kernel: (3, 3), stride: stride, pad: 1, size: (9, 9), halo: (1, 1),
                    samples: 2))
        }
        // Squares of four pixels in vectors of several, one and less than a row; the last of them incomplete.
        for (size, inputs, samples) in [((32, 32), 4, 2), ((16, 16), 5, 3), ((8, 8), 13, 3), ((4, 4), 6, 7), ((6, 4), 7, 3)] {
            cases.append(
                BackwardCase(
                    inputs: inputs, outputs: 3, kernel: (3, 3), stride: 2, pad: 1, size: size, halo: (1, 1), samples: samples))
        }
        cases.append(
            BackwardCase(inputs: 50, outputs: 24, kernel: (1, 1), stride: 1, pad: 0, size: (8, 8), halo: (1, 1), samples: 4))
        // Outputs of two losses that fill one to five vectors.
        for (inputs, outputs) in [(13, 8), (27, 16), (9, 40)] {
            cases.append(
                BackwardCase(inputs: inputs, outputs: outputs, kernel: (1, 1), stride: 1, pad: 0, size: (8, 8), halo: (1, 1), samples: 5))
            cases.append(
                BackwardCase(
                    inputs: inputs, outputs: outputs, kernel: (3, 3), stride: 2, pad: 1, size: (8, 8), halo: (1, 1), samples: 10))
        }
        return cases.compactMap { $0 }
    }()
}

@Suite struct BackwardConv2dTests {
    @Test func weightsOfEveryKernelMatchPlainLoops() {
        var count = 0
        let kernels = UnsafeBufferPointer(start: mexit_conv2d_backward_weights_kernels(&count), count: count)
        var ran: Set<String> = []
        for (seed, test) in BackwardCase.all.enumerated() {
            var random = TrainingRandom(UInt64(seed)), conv = test.conv
            let x = TrainingSamples(conv.x, count: test.samples), dy = TrainingSamples(conv.y, count: test.samples)
            x.randomize(&random)
            dy.randomize(&random)
            // Two losses, and samples from the second on where there are several.
            let other = TrainingSamples(conv.y, count: test.samples)
            other.randomize(&random)
            let first = test.samples > 1 ? 1 : 0
            let start = random.units(2 * test.weights)
            var reference = start.map(Double.init)
            test.forEachProduct { weight, n, i, h, w, o, oh, ow in
                guard n >= first else { return }
                reference[weight] += Double(x[n, i, h, w]) * Double(dy[n, o, oh, ow])
                reference[test.weights + weight] += Double(x[n, i, h, w]) * Double(other[n, o, oh, ow])
            }
            for kernel in kernels where mexit_cpu_has(kernel.isa) && kernel.supports(&conv) {
                let name = String(cString: kernel.name)
                ran.insert(name)
                // Between the rows of output channels stand other floats, as if there were more input channels.
                let dense = test.weights / Int(conv.out_channels), row = dense + 3, rows = 2 * Int(conv.out_channels)
                func run() -> [Float] {
                    var gradient = (0..<rows).flatMap { start[$0 * dense..<($0 + 1) * dense] + [7, 7, 7] }
                    var scratch = [Float](repeating: .nan, count: kernel.scratch_floats(&conv, 2) + 1)
                    kernel.run(
                        &conv, x.constPointers, [dy.constPointers, other.constPointers], 2, first, test.samples - first, &gradient,
                        Int64(row), &scratch)
                    let between = (0..<rows).flatMap { gradient[$0 * row + dense..<($0 + 1) * row] }
                    #expect(between.allSatisfy { $0 == 7 } && scratch.last?.isNaN == true, "\(name) wrote too far: \(test)")
                    return (0..<rows).flatMap { gradient[$0 * row..<$0 * row + dense] }
                }
                let gradient = run()
                let terms = test.samples * Int(conv.y.height * conv.y.width)
                expectClose(gradient, reference, terms: terms, "\(name) \(test)")
                #expect(gradient.map(\.bitPattern) == run().map(\.bitPattern), "\(name) is not deterministic: \(test)")
            }
        }
        print("backward_weights kernels tested:", ran.sorted().joined(separator: ", "))
        #expect(ran.contains("mexit_conv2d_backward_weights_f32_direct__scalar"))
    }

    @Test(arguments: [false, true]) func dataOfEveryKernelMatchesPlainLoops(accumulate: Bool) {
        var count = 0
        let kernels = UnsafeBufferPointer(start: mexit_conv2d_backward_data_kernels(&count), count: count)
        var ran: Set<String> = []
        for (seed, test) in BackwardCase.all.enumerated() {
            var random = TrainingRandom(UInt64(1000 + seed)), conv = test.conv
            let dy = TrainingSamples(conv.y, count: test.samples), start = TrainingSamples(conv.x, count: test.samples)
            dy.randomize(&random)
            start.randomize(&random)
            let weight = random.units(test.weights)
            var reference = accumulate ? start.values.map(Double.init) : start.values.map { _ in 0 }
            let (c, h, w) = (start.channels, start.height, start.width)
            test.forEachProduct { k, n, i, y, x, o, oh, ow in
                reference[((n * c + i) * h + y) * w + x] += Double(weight[k]) * Double(dy[n, o, oh, ow])
            }
            for kernel in kernels where mexit_cpu_has(kernel.isa) && kernel.supports(&conv) {
                let name = String(cString: kernel.name)
                ran.insert(name)
                var packed = [Float](repeating: .nan, count: kernel.packed_floats(&conv) + 1)
                kernel.pack(&conv, weight, &packed)
                #expect(packed.last?.isNaN == true, "\(name) packed too much: \(test)")
                func run() -> [Float] {
                    let dx = start.copy()
                    var scratch = [Float](repeating: .nan, count: kernel.scratch_floats(&conv) + 1)
                    kernel.run(&conv, packed, dy.constPointers, dx.pointers, test.samples, accumulate, &scratch)
                    #expect(scratch.last?.isNaN == true, "\(name) wrote behind its scratch: \(test)")
                    let damage = dx.damage()
                    #expect(damage == nil, "\(name) wrote outside the interior: \(test)")
                    return dx.values
                }
                let seen = run()
                let terms = Int(conv.out_channels / conv.groups * conv.kernel_h * conv.kernel_w)
                expectClose(seen, reference, terms: terms, "\(name) accumulate \(accumulate) \(test)")
                #expect(seen.map(\.bitPattern) == run().map(\.bitPattern), "\(name) is not deterministic: \(test)")
            }
        }
        print("backward_data kernels tested:", ran.sorted().joined(separator: ", "))
        for method in ["direct__scalar", "phases"] { #expect(ran.contains("mexit_conv2d_backward_data_f32_\(method)")) }
    }

    @Test func nothingSupportsNonsense() {
        let possible = ConvolutionCase.square(4, 6, 8, kernel: 3, pad: 1).conv
        let changes: [(inout mexit_conv2d) -> Void] = [
            { $0.groups = 0 }, { $0.groups = 3 }, { $0.stride_w = 0 }, { $0.kernel_h = 0 }, { $0.pad_w = -1 },
            { $0.dilation_h = 0 }, { $0.y.height = 9 }, { $0.kernel_w = 40 }, { $0.x.row_stride = 3 },
        ]
        var (dataCount, weightsCount) = (0, 0)
        let data = UnsafeBufferPointer(start: mexit_conv2d_backward_data_kernels(&dataCount), count: dataCount)
        let weights = UnsafeBufferPointer(start: mexit_conv2d_backward_weights_kernels(&weightsCount), count: weightsCount)
        for (index, change) in changes.enumerated() {
            var conv = possible
            change(&conv)
            for kernel in data { #expect(!kernel.supports(&conv), "\(String(cString: kernel.name)), change \(index)") }
            for kernel in weights { #expect(!kernel.supports(&conv), "\(String(cString: kernel.name)), change \(index)") }
        }
    }

    @Test func theChoiceRunsHereAndSupportsTheConvolution() {
        for test in BackwardCase.all {
            var conv = test.conv
            let data = mexit_conv2d_backward_data_choose(&conv).pointee
            let weights = mexit_conv2d_backward_weights_choose(&conv, 2).pointee
            #expect(mexit_cpu_has(data.isa) && data.supports(&conv), "\(test)")
            #expect(mexit_cpu_has(weights.isa) && weights.supports(&conv), "\(test)")
        }
    }
}
