import CMExitKernels
import MExitRuntime

/// All kernels that can do one of a network's convolutions, on one thread, with data and weights in cache as far as they fit.
public struct KernelComparison: Encodable, Sendable {
    /// Such as "3x3 24->12 @ 16x16".
    public let convolution: String
    /// Steps of the network that have exactly these shapes and layouts.
    public let occurrences: Int
    public let batch: Int
    /// Of one sample.
    public let macs: Int
    /// The fastest first.
    public let kernels: [Kernel]
    /// Least time of the kernel that the dispatcher picks over the least time of all, 1 or more.
    public let slowdown: Double

    public struct Kernel: Encodable, Sendable {
        public let kernel: String
        public let isPick: Bool
        /// What the cost model says of the batch, on its nominal machine.
        public let predictedNanoseconds: Double
        /// Of one call.
        public let time: Samples
        /// At the least time.
        public let rate: Rate
    }
}

extension KernelComparison {
    /// Compares the kernels for every different convolution of a network.
    ///
    /// - Parameter batches: sizes; a runner takes at most 8 samples at a time, so larger ones count as 8.
    /// - Throws: ``BenchmarkError`` when two kernels disagree.
    public static func all(
        of model: CompiledModel, batches: [Int], settings: BenchmarkSettings, peak: Peak
    ) throws -> [KernelComparison] {
        var shapes: [(shape: mexit_conv2d, occurrences: Int)] = []
        for shape in model.stepDescriptions.compactMap(\.convolution) {
            if let known = shapes.firstIndex(where: { isSame($0.shape, shape) }) {
                shapes[known].occurrences += 1
            } else {
                shapes.append((shape, 1))
            }
        }
        let sizes = Set(batches.map { min($0, 8) }).sorted()
        return try shapes.flatMap { shape in
            try sizes.map { try KernelComparison(shape.shape, shape.occurrences, batch: $0, settings: settings, peak: peak) }
        }
    }

    init(_ shape: mexit_conv2d, _ occurrences: Int, batch: Int, settings: BenchmarkSettings, peak: Peak) throws {
        let workload = ConvolutionWorkload(shape, n: batch)
        convolution = KernelComparison.name(shape)
        self.occurrences = occurrences
        self.batch = batch
        macs = workload.macs / batch
        let candidates = KernelComparison.kernels(for: &workload.shape).map { ConvolutionWorkload.Prepared($0, workload) }
        try KernelComparison.check(candidates, workload, convolution)
        let pick = String(cString: mexit_conv2d_choose_any(&workload.shape).pointee.name)
        let times = KernelComparison.time(candidates, settings)
        kernels = zip(candidates, times).map { candidate, time in
            let name = String(cString: candidate.kernel.name)
            return Kernel(
                kernel: name, isPick: name == pick, predictedNanoseconds: Double(batch) * candidate.kernel.cost(&workload.shape), time: time,
                rate: Rate(macs: workload.macs, seconds: time.minimum, peak: peak.gflops))
        }.sorted { $0.time.minimum < $1.time.minimum }
        let least = kernels.first?.time.minimum ?? 0
        let own = kernels.first { $0.isPick }?.time.minimum ?? least
        slowdown = least > 0 ? own / least : 1
    }

    private static func kernels(for shape: inout mexit_conv2d) -> [mexit_conv2d_kernel] {
        var count = 0
        guard let first = mexit_conv2d_kernels(&count) else { return [] }
        return UnsafeBufferPointer(start: first, count: count).filter { mexit_cpu_has($0.isa) && $0.supports(&shape) }
    }

    /// Direct kernels agree to the bit with the first, which is the scalar reference where it supports the shape; reordering ones to rounding.
    private static func check(_ candidates: [ConvolutionWorkload.Prepared], _ workload: ConvolutionWorkload, _ name: String) throws {
        var reference: [Float] = []
        for candidate in candidates {
            candidate.run()
            let results = workload.results
            if reference.isEmpty { reference = results }
            // Each output sums products of at most 1 x 1; transforms (winograd, squares) grow rounding errors by less than 16.
            let terms = Float(workload.macs / max(results.count, 1) + 1)
            let tolerance = candidate.kernel.reorders ? 16 * terms * Float.ulpOfOne : 0
            let agrees = zip(results, reference).allSatisfy { ($0 - $1).magnitude <= tolerance }
            guard agrees, results.count == reference.count else {
                throw BenchmarkError("\(String(cString: candidate.kernel.name)) computes \(name) wrongly: it disagrees with the kernels before it")
            }
        }
    }

    /// The candidates take samples in turns, so that whatever else the machine does meets all of them.
    private static func time(_ candidates: [ConvolutionWorkload.Prepared], _ settings: BenchmarkSettings) -> [Samples] {
        func seconds(_ candidate: ConvolutionWorkload.Prepared, _ calls: Int) -> Double {
            let start = MonotonicTime.seconds
            for _ in 0..<calls { candidate.run() }
            return (MonotonicTime.seconds - start) / Double(calls)
        }
        // A sample of 50 us or one call: a thousand times what reading the clock costs.
        let calls = candidates.map { max(1, Int(50e-6 / max(seconds($0, 1), 1e-9))) }
        var samples = candidates.map { _ in Samples() }
        settings.series { isSample in
            for index in candidates.indices {
                let time = seconds(candidates[index], calls[index])
                if isSample { samples[index].append(time) }
            }
        }
        return samples
    }

    private static func name(_ c: mexit_conv2d) -> String {
        var name = "\(c.kernel_h)x\(c.kernel_w) \(c.in_channels)->\(c.out_channels) @ \(c.x.height)x\(c.x.width)"
        if c.stride_h != 1 || c.stride_w != 1 { name += " /\(c.stride_h)" }
        if c.dilation_h != 1 || c.dilation_w != 1 { name += " dilation \(c.dilation_h)" }
        if c.groups != 1 { name += " groups \(c.groups)" }
        return name
    }

    private static func isSame(_ a: mexit_conv2d, _ b: mexit_conv2d) -> Bool {
        func numbers(_ c: mexit_conv2d) -> [Int32] {
            [
                c.in_channels, c.out_channels, c.groups, c.kernel_h, c.kernel_w, c.stride_h, c.stride_w, c.pad_h, c.pad_w,
                c.dilation_h, c.dilation_w,
            ]
        }
        func isSame(_ a: mexit_map, _ b: mexit_map) -> Bool {
            a.channels == b.channels && a.height == b.height && a.width == b.width && a.halo == b.halo
                && a.row_stride == b.row_stride && a.channel_stride == b.channel_stride
        }
        return numbers(a) == numbers(b) && isSame(a.x, b.x) && isSame(a.y, b.y)
    }
}
