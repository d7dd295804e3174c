import CMExitKernels
import MExitIR

/// A convolution: packed weights for both directions, kernels chosen once.
struct ConvolutionSteps {
    private let assembly: Assembly
    private let index: Int
    private let weight: Int
    private let bias: Int?
    private let conv: UnsafePointer<mexit_conv2d>
    private let input: Int

    init(_ assembly: Assembly, node index: Int, _ operation: Conv2D) throws {
        self.assembly = assembly
        self.index = index
        input = assembly.plan.inputs(of: index)[0]
        guard let weight = assembly.tensor(index, .weight) else { throw NetworkError("node \(index) has no weights") }
        self.weight = weight
        bias = assembly.tensor(index, .bias)
        let x = assembly.map(input).pointee
        let y = assembly.map(index).pointee
        conv = try assembly.keep.constant(
            mexit_conv2d(
                in_channels: x.channels, out_channels: y.channels, groups: Int32(operation.groups),
                kernel_h: Int32(operation.kernelHeight), kernel_w: Int32(operation.kernelWidth),
                stride_h: Int32(operation.stride), stride_w: Int32(operation.stride),
                pad_h: Int32(operation.padding), pad_w: Int32(operation.padding),
                dilation_h: Int32(operation.dilation), dilation_w: Int32(operation.dilation), x: x, y: y))
    }

    func addForward() throws {
        if try assembly.addMixedForward(of: index) { return }
        let conv = self.conv
        guard let kernel = mexit_conv2d_choose(conv) else { throw NetworkError("no kernel for convolution node \(index)") }
        let packed = try assembly.keep.allocate(Float.self, count: kernel.pointee.packed_floats(conv))
        let weights = assembly.parameters.tensor(weight).baseAddress
        let biases = bias.flatMap { assembly.parameters.tensor($0).baseAddress }
        let prepare = { kernel.pointee.pack(conv, weights, biases, packed) }
        assembly.prepareForward.append(prepare)
        assembly.prepareEvaluation.append(prepare)
        assembly.needScratch(kernel.pointee.scratch_floats(conv))
        let units = kernel.pointee.units(conv)
        let x = assembly.values.rows(input)
        let y = assembly.values.rows(index)
        assembly.bothForward(
            Step { chunk in
                var run = mexit_conv2d_run(
                    x: x.reading(from: chunk.first), y: y.mutable(from: chunk.first), add: nil, n: chunk.count, unit_begin: 0,
                    unit_end: units, accumulate: false, activation: MEXIT_ACTIVATION_NONE, scratch: chunk.scratch, ahead: nil, ahead_floats: 0)
                kernel.pointee.run(conv, packed, &run)
            })
    }

    func addBackward() throws {
        try addBackwardData()
        try addBackwardWeights()
        try addBackwardBias()
    }

    private func addBackwardData() throws {
        // Whoever needs the input's gradient gathers it.
        if assembly.stacks.isReader[index] { return }
        let conv = self.conv
        let pairs = try assembly.backwardPairs(of: index, input: input)
        if pairs.isEmpty { return }
        guard let kernel = mexit_conv2d_backward_data_choose(conv) else {
            throw NetworkError("no backward kernel for convolution node \(index)")
        }
        let packed = try assembly.keep.allocate(Float.self, count: kernel.pointee.packed_floats(conv))
        let weights = assembly.parameters.tensor(weight).baseAddress
        assembly.prepareBackward.append { kernel.pointee.pack(conv, weights, packed) }
        assembly.needScratch(kernel.pointee.scratch_floats(conv))
        assembly.addBackward(
            Step { chunk in
                for (dy, dx) in pairs {
                    kernel.pointee.run(
                        conv, packed, dy.reading(from: chunk.first), dx.rows.mutable(from: chunk.first), chunk.count, dx.accumulate,
                        chunk.scratch)
                }
            })
    }

    /// All losses in one call, because they share x: `[losses, O, I/groups, kh, kw]` is just what ``ExitGradients`` holds. To the kernel,
    /// siblings are more losses.
    private func addBackwardWeights() throws {
        let conv = self.conv
        let siblings = assembly.siblings(of: index)
        // Steps come in descending order of nodes: at the first, the gradients of all are there.
        if siblings[0] != index { return }
        let gradients = try siblings.flatMap { try assembly.gradients.gradients(of: $0) }
        let count = assembly.parameters.trainable[weight].count
        let total = count * gradients.count
        let losses = Int32(gradients.count)
        guard let kernel = mexit_conv2d_backward_weights_choose(conv, losses) else {
            throw NetworkError("no weight-gradient kernel for convolution node \(index)")
        }
        let x = assembly.values.rows(input)
        let dy = try assembly.keep.constants(gradients.map { Optional($0.reading(from: 0)) })
        if isHeavy {
            let slices = try inputSlices().map { try addWeightSlice($0, x: x, dy: dy, losses: losses) }
            assembly.addBackward(Step(wholeBatch: slices) { _ in })
            return
        }
        assembly.needScratch(kernel.pointee.scratch_floats(conv, losses))
        let offset = assembly.reservePartials(total)
        let row = Int64(count) / Int64(conv.pointee.out_channels)
        var finish: [() -> Void] = []
        var place = offset
        for sibling in siblings {
            guard let tensor = assembly.tensor(sibling, .weight) else { throw NetworkError("node \(sibling) has no weights") }
            let own = count * assembly.plan.losses(sibling).count
            finish += assembly.reduction(tensor: tensor, offset: place, count: own)
            place += own
        }
        // Small maps lie in cache anyway, and a call has a fixed cost per weight.
        let isSmall = conv.pointee.y.height * conv.pointee.y.width <= 64
        assembly.addBackward(
            Step(finish: finish, takesWholeChunk: isSmall) { chunk in
                if chunk.isFirst { mexit_zero_f32(chunk.partials + offset, total) }
                kernel.pointee.run(
                    conv, x.reading(from: 0), dy, losses, chunk.first, chunk.count, chunk.partials + offset, row, chunk.scratch)
            })
    }

    /// So many weights for so few pixels that partial sums of every chunk would be more to write, add up and read than x and dy.
    private var isHeavy: Bool {
        let taps = conv.pointee.kernel_h * conv.pointee.kernel_w
        return assembly.siblings(of: index).count == 1 && conv.pointee.groups == 1 && conv.pointee.y.height * conv.pointee.y.width <= 16 * taps
            && assembly.parameters.trainable[weight].count >= 1 << 16
    }

    /// Input channels in parts for threads, whole vectors each, and sums that fit the second-level cache.
    private func inputSlices() -> [Range<Int>] {
        let (channels, vector) = (Int(conv.pointee.in_channels), 16)
        let vectors = (channels + vector - 1) / vector
        let slices = (vectors + 3) / 4
        return (0..<slices).map { slice in
            vectors * slice / slices * vector..<min(channels, vectors * (slice + 1) / slices * vector)
        }
    }

    /// The gradient of some input channels' weights from all samples, in order, straight to where it belongs.
    private func addWeightSlice(
        _ slice: Range<Int>, x: Rows, dy: UnsafePointer<UnsafePointer<UnsafePointer<Float>?>?>, losses: Int32
    ) throws -> (Int, UnsafeMutablePointer<Float>) -> Void {
        var part = conv.pointee
        part.in_channels = Int32(slice.count)
        part.x.channels = Int32(slice.count)
        let conv = try assembly.keep.constant(part)
        guard let kernel = mexit_conv2d_backward_weights_choose(conv, losses) else {
            throw NetworkError("no weight-gradient kernel for convolution node \(index)")
        }
        assembly.needScratch(kernel.pointee.scratch_floats(conv, losses))
        let shift = slice.lowerBound * Int(part.x.channel_stride)
        let own = try Rows(count: assembly.batch, keep: assembly.keep) { x[$0] + shift }
        let (state, weight) = (assembly.state, self.weight)
        let (taps, inputs) = (Int(part.kernel_h * part.kernel_w), Int(self.conv.pointee.in_channels))
        let (row, rows) = (inputs * taps, Int(losses) * Int(part.out_channels))
        return { count, scratch in
            guard let gradients = state.gradients, let base = gradients.values.baseAddress else { return }
            let out = base + gradients.tensors[weight].offset + slice.lowerBound * taps
            for number in 0..<rows { mexit_zero_f32(out + number * row, slice.count * taps) }
            kernel.pointee.run(conv, own.reading(from: 0), dy, losses, 0, count, out, Int64(row), scratch)
        }
    }

    private func addBackwardBias() throws {
        guard let bias else { return }
        let gradients = try assembly.gradients.gradients(of: index)
        let count = assembly.parameters.trainable[bias].count
        let total = count * gradients.count
        let offset = assembly.reservePartials(total)
        let map = assembly.map(index)
        assembly.addBackward(
            Step(finish: assembly.reduction(tensor: bias, offset: offset, count: total)) { chunk in
                if chunk.isFirst { mexit_zero_f32(chunk.partials + offset, total) }
                for (position, dy) in gradients.enumerated() {
                    mexit_bias_backward_f32(
                        map, dy.reading(from: chunk.first), chunk.count, chunk.partials + offset + position * count)
                }
            })
    }
}

extension Assembly {
    /// 1x1 convolutions of equally many outputs that read the same value, this one included, ascending. They go back in one phase, because
    /// they wait for the same value.
    fileprivate func siblings(of index: Int) -> [Int] {
        func isLike(_ other: Int) -> Bool {
            guard case .conv2d(let conv) = graph.nodes[other].operation else { return false }
            return plan.materialized[other] && plan.needsGradient[other] && conv.isPointwise
                && plan.inputs(of: other)[0] == plan.inputs(of: index)[0]
                && graph.shapes[other].channels == graph.shapes[index].channels
        }
        return isLike(index) ? plan.order.filter(isLike) : [index]
    }
}
