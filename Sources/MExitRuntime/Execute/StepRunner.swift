import CMExitKernels

/// Runs steps on some samples with one thread's own scratch memory.
///
/// Unchecked: each worker of a context has its own, and a context runs one stage at a time.
final class StepRunner: @unchecked Sendable {
    /// Samples that go through a stage together: enough to use each packed weight several times while it is in cache, few
    /// enough that their maps stay there too.
    static let groupSize = 8

    /// Graph operations and multiply-adds that this runner has executed, counted at each step.
    private(set) var operations = 0
    private(set) var macs = 0

    private let model: CompiledModel
    private let scratch: AlignedFloats
    private let x: UnsafeMutablePointer<UnsafePointer<Float>?>
    private let second: UnsafeMutablePointer<UnsafePointer<Float>?>
    private let y: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>

    init(model: CompiledModel) throws {
        self.model = model
        scratch = try AlignedFloats(count: model.scratchFloats)
        x = .allocate(capacity: StepRunner.groupSize)
        second = .allocate(capacity: StepRunner.groupSize)
        y = .allocate(capacity: StepRunner.groupSize)
        x.initialize(repeating: nil, count: StepRunner.groupSize)
        second.initialize(repeating: nil, count: StepRunner.groupSize)
        y.initialize(repeating: nil, count: StepRunner.groupSize)
    }

    deinit {
        x.deallocate()
        second.deallocate()
        y.deallocate()
    }

    /// Runs one step on the slots whose memory starts at `bases` (at most ``groupSize``).
    ///
    /// - Parameter part: of how many equal parts this call does which one; only convolutions can be split, other steps are
    ///   done whole by part 0.
    func run(_ step: Step, on bases: UnsafeBufferPointer<UnsafeMutablePointer<Float>>, part: Int, of parts: Int) {
        let count = bases.count
        if part == 0 {
            operations += step.operations * count
            macs += step.macs * count
        }
        for index in 0..<count {
            x[index] = UnsafePointer(bases[index] + step.x.offset)
            y[index] = bases[index] + step.y.offset
        }
        if case .conv2d(let convolution) = step.kind {
            if let place = convolution.add {
                for index in 0..<count { second[index] = UnsafePointer(bases[index] + place.offset) }
            }
            let begin = convolution.units * part / parts
            let end = convolution.units * (part + 1) / parts
            let ahead = convolution.ahead
            let firstAhead = ahead.lowerBound + ahead.count * part / parts
            let endAhead = ahead.lowerBound + ahead.count * (part + 1) / parts
            if begin < end { run(convolution, count, begin..<end, ahead: firstAhead..<endAhead) }
        } else if part == 0 {
            runWhole(step, bases)
        }
    }

    private func run(_ convolution: ConvolutionStep, _ count: Int, _ units: Range<Int>, ahead: Range<Int>) {
        var call = mexit_conv2d_run()
        call.x = UnsafePointer(x)
        call.y = UnsafePointer(y)
        call.add = convolution.add == nil ? nil : UnsafePointer(second)
        call.n = count
        call.unit_begin = units.lowerBound
        call.unit_end = units.upperBound
        call.activation = convolution.activation
        call.scratch = convolution.scratchFloats > 0 ? scratch.base : nil
        call.ahead = UnsafePointer(model.weights.base + ahead.lowerBound)
        call.ahead_floats = ahead.count
        withUnsafePointer(to: convolution.shape) { shape in
            convolution.kernel.pointee.run(shape, model.weights.base + convolution.weights, &call)
        }
    }

    private func runWhole(_ step: Step, _ bases: UnsafeBufferPointer<UnsafeMutablePointer<Float>>) {
        let count = bases.count
        let weights = model.weights.base
        var xMap = step.x.map
        var yMap = step.y.map
        switch step.kind {
        case .conv2d, .nothing: break
        case .linear(let inFeatures, let outFeatures, let offset):
            mexit_linear_f32(inFeatures, outFeatures, weights + offset, x, y, count)
        case .scaleShift(let scale, let bias, let relu):
            mexit_scale_shift_f32(&xMap, &yMap, x, y, count, weights + scale, weights + bias, StepRunner.activation(relu))
        case .unary(let unary, let parameter):
            mexit_unary_f32(unary, parameter, &xMap, &yMap, x, y, count)
        case .add(let place, let relu):
            for index in 0..<count { second[index] = UnsafePointer(bases[index] + place.offset) }
            var secondMap = place.map
            mexit_add_f32(&xMap, &secondMap, &yMap, x, second, y, count, StepRunner.activation(relu))
        case .copy: mexit_unary_f32(MEXIT_UNARY_IDENTITY, 0, &xMap, &yMap, x, y, count)
        case .clearHalo: mexit_clear_halo_f32(&yMap, y, count)
        case .maxPool(var pool): mexit_max_pool2d_f32(&pool, x, y, nil, count)
        case .averagePool(var pool): mexit_avg_pool2d_f32(&pool, x, y, count)
        case .globalAveragePool: mexit_global_avg_pool_f32(&xMap, &yMap, x, y, count)
        case .flatten: mexit_flatten_f32(&xMap, x, y, count)
        case .upsample: mexit_upsample_nearest_f32(&xMap, &yMap, x, y, count)
        case .resize(let alignsCorners): mexit_resize_bilinear_f32(&xMap, &yMap, alignsCorners, x, y, count)
        }
    }

    private static func activation(_ relu: Bool) -> mexit_activation {
        relu ? MEXIT_ACTIVATION_RELU : MEXIT_ACTIVATION_NONE
    }
}
