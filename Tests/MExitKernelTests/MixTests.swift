import CMExitKernels
import Testing

@Suite struct MixTests {
    static let sizes = [(32, 32), (16, 16), (8, 8), (6, 8), (5, 8), (4, 4), (5, 7), (2, 2), (1, 9)]

    @Test(arguments: [false, true]) func mixingIsAConvolutionPerSegment(accumulate: Bool) throws {
        for (height, width) in Self.sizes {
            for halo in [0, 1, 2] {
                for (inputs, outputs) in [(1, [1]), (7, [6, 6]), (19, [12, 24]), (5, [4, 8, 3]), (3, [37]), (40, [2, 10, 5])] {
                    try check(inputs, outputs, height, width, halo: halo, accumulate: accumulate)
                }
            }
        }
    }

    /// Samples 1 and 2 of 3; with accumulation, every segment but the first adds.
    private func check(_ inputs: Int, _ outputs: [Int], _ height: Int, _ width: Int, halo: Int, accumulate: Bool) throws {
        let what = "\(inputs)->\(outputs) @\(height)x\(width) halo \(halo) accumulate \(accumulate)"
        var random = TrainingRandom(UInt64(inputs + height))
        var map = trainingMap(inputs, height, width, halo: halo)
        guard mexit_mix_supports(&map, &map) else { return }
        let x = TrainingSamples(map, count: 3)
        x.randomize(&random)
        let y = outputs.map { TrainingSamples(trainingMap($0, height, width, halo: halo), count: 3) }
        for segment in y { segment.randomize(&random) }
        let expected = y.map { $0.copy() }
        let counts = outputs.map(Int32.init)
        let flags = outputs.indices.map { accumulate && $0 > 0 }
        let weights = outputs.map { random.units($0 * inputs) }
        counts.withUnsafeBufferPointer { counts in
            var mix = mexit_mix(x: map, segments: Int32(outputs.count), outputs: counts.baseAddress)
            var packed = [Float](repeating: .nan, count: mexit_mix_packed_floats(&mix) + 1)
            for (segment, weights) in weights.enumerated() {
                // The first inputs from rows of outputs, the others from rows of inputs.
                let first = inputs / 2
                mexit_mix_pack(&mix, Int32(segment), 0, Int32(first), weights, Int64(inputs), 1, &packed)
                let turned = (first..<inputs).flatMap { i in (0..<outputs[segment]).map { weights[$0 * inputs + i] } }
                mexit_mix_pack(
                    &mix, Int32(segment), Int32(first), Int32(inputs - first), turned, 1, Int64(outputs[segment]), &packed)
            }
            #expect(packed.last?.isNaN == true, "\(what): packed too much")
            let tables: [UnsafePointer<UnsafeMutablePointer<Float>?>?] = y.map(\.pointers)
            mexit_mix_f32(&mix, packed, x.constPointers, tables, 1, 2, flags)
        }
        for (segment, y) in y.enumerated() {
            var conv = mexit_conv2d(
                in_channels: Int32(inputs), out_channels: Int32(outputs[segment]), groups: 1, kernel_h: 1, kernel_w: 1, stride_h: 1,
                stride_w: 1, pad_h: 0, pad_w: 0, dilation_h: 1, dilation_w: 1, x: map, y: y.map)
            var count = 0
            // The scalar reference.
            let kernel = try #require(mexit_conv2d_kernels(&count)).pointee
            var packed = [Float](repeating: 0, count: kernel.packed_floats(&conv))
            kernel.pack(&conv, weights[segment], nil, &packed)
            var run = mexit_conv2d_run(
                x: x.constPointers + 1, y: expected[segment].pointers + 1, add: nil, n: 2, unit_begin: 0, unit_end: kernel.units(&conv),
                accumulate: flags[segment], activation: MEXIT_ACTIVATION_NONE, scratch: nil, ahead: nil, ahead_floats: 0)
            kernel.run(&conv, packed, &run)
            #expect(y.values == expected[segment].values, "segment \(segment), \(what)")
            #expect(y.damage() == nil, "segment \(segment), \(what)")
        }
    }

    @Test func otherLayoutsAreRefused() {
        var x = trainingMap(4, 8, 8, halo: 1), wider = trainingMap(4, 8, 8, halo: 2), vector = trainingMap(4, 1, 1, halo: 0)
        #expect(!mexit_mix_supports(&x, &wider))
        #expect(!mexit_mix_supports(&vector, &vector))
    }
}
