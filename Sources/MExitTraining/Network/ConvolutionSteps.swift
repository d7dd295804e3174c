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

    /// All losses in one call, because they share x: `[losses, O, I/groups, kh, kw]` is just what ``ExitGradients`` holds.
    private func addBackwardWeights() throws {
        let conv = self.conv
        let gradients = try assembly.gradients.gradients(of: index)
        let total = assembly.parameters.trainable[weight].count * gradients.count
        guard let kernel = mexit_conv2d_backward_weights_choose(conv) else {
            throw NetworkError("no weight-gradient kernel for convolution node \(index)")
        }
        let losses = Int32(gradients.count)
        assembly.needScratch(kernel.pointee.scratch_floats(conv, losses))
        let offset = assembly.reservePartials(total)
        let x = assembly.values.rows(input)
        let dy = try assembly.keep.constants(gradients.map { Optional($0.reading(from: 0)) })
        // Small maps lie in cache anyway, and a call has a fixed cost per weight.
        let isSmall = conv.pointee.y.height * conv.pointee.y.width <= 64
        assembly.addBackward(
            Step(finish: assembly.reduction(tensor: weight, offset: offset, count: total), takesWholeChunk: isSmall) { chunk in
                if chunk.isFirst { mexit_zero_f32(chunk.partials + offset, total) }
                kernel.pointee.run(
                    conv, x.reading(from: 0), dy, losses, chunk.first, chunk.count, chunk.partials + offset, chunk.scratch)
            })
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
