import CMExitKernels

/// Memory for one convolution on `n` samples, with random numbers in its maps and weights and zeros in the halos.
final class ConvolutionWorkload {
    var shape: mexit_conv2d
    let n: Int
    private let floats: UnsafeMutablePointer<Float>
    private let x: UnsafeMutablePointer<UnsafePointer<Float>?>
    private let y: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>
    private let weight: [Float]
    private let bias: [Float]

    init(_ shape: mexit_conv2d, n: Int) {
        self.shape = shape
        self.n = n
        var random = RandomNumbers(seed: 2)
        let taps = Int(shape.in_channels / max(shape.groups, 1)) * Int(shape.kernel_h) * Int(shape.kernel_w)
        weight = random.floats(taps * Int(shape.out_channels))
        bias = random.floats(Int(shape.out_channels))
        // Of each sample its x, then its y, at the distances that a slot keeps.
        let xFloats = ConvolutionWorkload.room(shape.x)
        let yFloats = ConvolutionWorkload.room(shape.y)
        let count = n * (xFloats + yFloats)
        let raw = UnsafeMutableRawPointer.allocate(byteCount: 4 * count, alignment: 64)
        floats = raw.bindMemory(to: Float.self, capacity: count)
        floats.initialize(repeating: 0, count: count)
        x = .allocate(capacity: n)
        y = .allocate(capacity: n)
        let map = shape.x
        for sample in 0..<n {
            let start = floats + sample * (xFloats + yFloats)
            let first = ConvolutionWorkload.firstPixel(of: map, from: start)
            for channel in 0..<Int(map.channels) {
                for row in 0..<Int(map.height) {
                    let pixels = first + channel * Int(map.channel_stride) + row * Int(map.row_stride)
                    for column in 0..<Int(map.width) { pixels[column] = Float.random(in: -1...1, using: &random) }
                }
            }
            (x + sample).initialize(to: UnsafePointer(first))
            (y + sample).initialize(to: ConvolutionWorkload.firstPixel(of: shape.y, from: start + xFloats))
        }
    }

    deinit {
        floats.deallocate()
        x.deallocate()
        y.deallocate()
    }

    private static func room(_ map: mexit_map) -> Int {
        (Int(map.channels) * Int(map.channel_stride) + 2 * Int(MEXIT_READ_SLACK) + 15) / 16 * 16
    }

    private static func firstPixel(of map: mexit_map, from start: UnsafeMutablePointer<Float>) -> UnsafeMutablePointer<Float> {
        var map = map
        return start + Int(MEXIT_READ_SLACK) + Int(mexit_map_origin(&map))
    }

    /// Multiply-adds of all samples.
    var macs: Int { n * weight.count * Int(shape.y.height) * Int(shape.y.width) }

    /// What every sample's y holds, pixel by pixel.
    var results: [Float] {
        var values: [Float] = []
        for sample in 0..<n {
            guard let first = y[sample] else { continue }
            for channel in 0..<Int(shape.y.channels) {
                for row in 0..<Int(shape.y.height) {
                    let pixels = first + channel * Int(shape.y.channel_stride) + row * Int(shape.y.row_stride)
                    values.append(contentsOf: UnsafeBufferPointer(start: pixels, count: Int(shape.y.width)))
                }
            }
        }
        return values
    }

    /// A kernel with weights packed for this convolution.
    final class Prepared {
        let kernel: mexit_conv2d_kernel
        private let packed: UnsafeMutablePointer<Float>
        private let scratch: UnsafeMutablePointer<Float>?
        private let units: Int
        private unowned let workload: ConvolutionWorkload

        init(_ kernel: mexit_conv2d_kernel, _ workload: ConvolutionWorkload) {
            self.kernel = kernel
            self.workload = workload
            packed = Prepared.zeros(kernel.packed_floats(&workload.shape))
            let scratchFloats = kernel.scratch_floats(&workload.shape)
            scratch = scratchFloats > 0 ? Prepared.zeros(scratchFloats) : nil
            units = kernel.units(&workload.shape)
            kernel.pack(&workload.shape, workload.weight, workload.bias, packed)
        }

        deinit {
            packed.deallocate()
            scratch?.deallocate()
        }

        private static func zeros(_ count: Int) -> UnsafeMutablePointer<Float> {
            let raw = UnsafeMutableRawPointer.allocate(byteCount: 4 * max(count, 1), alignment: 64)
            let floats = raw.bindMemory(to: Float.self, capacity: max(count, 1))
            floats.initialize(repeating: 0, count: max(count, 1))
            return floats
        }

        func run() {
            var call = mexit_conv2d_run()
            call.x = UnsafePointer(workload.x)
            call.y = UnsafePointer(workload.y)
            call.n = workload.n
            call.unit_end = units
            call.activation = MEXIT_ACTIVATION_RELU
            call.scratch = scratch
            kernel.run(&workload.shape, packed, &call)
        }
    }
}
