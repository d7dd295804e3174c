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

/// Linear layers promise one fused multiply-add per input in order, so they are compared bit for bit.
@Suite struct LinearTests {
    @Test(arguments: [1, 2, 7, 64, 300]) func everyOutputCountAndBatch(inputs: Int) throws {
        for outputs in Array(1...40) + [64, 65, 100, 130] {
            for samples in [0, 1, 2, 4, 5, 9] {
                try check(inputs: inputs, outputs: outputs, samples: samples, bias: outputs % 2 == 0)
            }
        }
    }

    private func check(inputs: Int, outputs: Int, samples: Int, bias: Bool) throws {
        var random = SeededGenerator(seed: UInt64(inputs * 1000 + outputs))
        let weight = random.floats(inputs * outputs), biases = random.floats(outputs)
        let packed = GuardedBuffer(count: mexit_linear_packed_floats(Int32(inputs), Int32(outputs)), misalignment: outputs % 16)
        mexit_linear_pack_f32(Int32(inputs), Int32(outputs), weight, bias ? biases : nil, packed.pointer)
        try packed.checkGuards()
        let xm = mexit_map_make(Int32(inputs), 1, 1, 0), ym = mexit_map_make(Int32(outputs), 1, 1, 0)
        let x = (0..<samples).map { _ in MapBuffer(xm, random.floats(inputs)) }
        let y = x.map { _ in MapBuffer(ym) }
        // Arrays of no pointers have no address.
        guard samples > 0 else { return mexit_linear_f32(Int32(inputs), Int32(outputs), packed.pointer, nil, nil, 0) }
        withInputs(x) { xs in
            withOutputs(y) { mexit_linear_f32(Int32(inputs), Int32(outputs), packed.pointer, xs, $0, samples) }
        }
        for s in 0..<samples {
            try y[s].check()
            let values = x[s].values
            let expected = (0..<outputs).map { o in
                (0..<inputs).reduce(bias ? biases[o] : 0) { fmaf(weight[o * inputs + $1], values[$1], $0) }
            }
            try assertSameBits(y[s].values, expected, "\(inputs) -> \(outputs), \(samples) samples")
        }
    }
}
