import CMExitKernels
import MExitIR

extension Assembly {
    /// Adds what is to be gathered when the gradient of a value is due: per loss, one 1x1 convolution from the output gradients of
    /// the convolutions of a ``DenseStacks``, with their weights transposed side by side.
    func addGather(of index: Int) throws {
        for item in gathers.items[index] {
            var convolutions: [[Int]: Gather] = [:]
            for loss in plan.losses(index) {
                let pieces = neighbours(item.readers, loss: loss)
                if pieces.isEmpty { continue }
                let targets = try item.values.compactMap { try self.targets(of: $0, losses: [loss])?.first }
                guard targets.count == item.values.count else { throw NetworkError("node \(index) has no place for its gradient") }
                for (number, piece) in pieces.enumerated() {
                    let gather = try convolutions[piece] ?? Gather(self, readers: piece, values: item.values)
                    convolutions[piece] = gather
                    let run = try gather.run(
                        self, dy: try gradients.rows(of: piece[0], loss: loss), dx: targets.map(\.rows),
                        accumulate: targets.map { $0.accumulate || number > 0 })
                    addBackward(Step(run))
                }
            }
        }
    }

    /// Those readers that the loss reaches, in pieces that stand side by side in their stack.
    private func neighbours(_ readers: [Int], loss: Int) -> [[Int]] {
        let own = readers.filter { plan.losses($0).contains(loss) }
        guard let first = own.first else { return [] }
        let root = plan.placement.root[plan.inputs(of: first)[0]]
        let stack = (stacks.readers[root] ?? []).filter { plan.losses($0).contains(loss) }
        var pieces: [[Int]] = []
        var next: Int?
        for reader in own {
            let place = stack.firstIndex(of: reader)
            if let next, place == next { pieces[pieces.count - 1].append(reader) } else { pieces.append([reader]) }
            next = place.map { $0 + 1 }
        }
        return pieces
    }
}

/// From output gradients of several convolutions, side by side, to the gradients of values that they read.
private struct Gather {
    private let mix: ChannelMix?
    private let convolutions: [GatherConvolution]

    init(_ assembly: Assembly, readers: [Int], values: [Int]) throws {
        let shapes = assembly.graph.shapes
        var x = assembly.map(readers[0]).pointee
        let inputs = readers.reduce(0) { $0 + shapes[$1].channels }
        guard let channels = Int32(exactly: inputs) else { throw NetworkError("node \(values[0]) is read by too many convolutions") }
        x.channels = channels
        var blocks: [ChannelMix.Block] = []
        for (segment, value) in values.enumerated() {
            var firstInput = 0
            for source in assembly.stacks.sources[value] where readers.contains(source.reader) {
                guard let tensor = assembly.tensor(source.reader, .weight),
                    let weights = assembly.parameters.tensor(tensor).baseAddress
                else { throw NetworkError("node \(source.reader) has no weights") }
                let pitch = shapes[assembly.plan.inputs(of: source.reader)[0]].channels
                let count = shapes[source.reader].channels
                blocks.append(
                    ChannelMix.Block(
                        segment: segment, firstInput: firstInput, inputs: count, weights: weights + source.channel, outputPitch: 1,
                        inputPitch: pitch))
                firstInput += count
            }
        }
        let mix = try ChannelMix(assembly, x: x, outputs: values.map { shapes[$0].channels }, blocks: blocks)
        self.mix = mix
        if let mix { assembly.prepareBackward.append(mix.pack) }
        convolutions =
            mix != nil
            ? []
            : try values.enumerated().map { segment, value in
                try GatherConvolution(assembly, x: x, value: value, blocks: blocks.filter { $0.segment == segment })
            }
    }

    func run(_ assembly: Assembly, dy: Rows, dx: [Rows], accumulate: [Bool]) throws -> (Chunk) -> Void {
        if let mix { return try mix.run(assembly, x: dy, y: dx, accumulate: accumulate) }
        let convolutions = self.convolutions
        return { chunk in
            for (position, convolution) in convolutions.enumerated() {
                convolution.run(chunk, dy, dx[position], accumulate: accumulate[position])
            }
        }
    }
}

/// The same for one value, where planes cannot be mixed.
private struct GatherConvolution {
    private let conv: UnsafePointer<mexit_conv2d>
    private let kernel: UnsafePointer<mexit_conv2d_kernel>
    private let packed: UnsafeMutablePointer<Float>
    private let units: Int

    init(_ assembly: Assembly, x: mexit_map, value: Int, blocks: [ChannelMix.Block]) throws {
        let y = assembly.map(value).pointee
        let (inputs, outputs) = (Int(x.channels), Int(y.channels))
        let conv = try assembly.keep.constant(
            mexit_conv2d(
                in_channels: x.channels, out_channels: y.channels, groups: 1, kernel_h: 1, kernel_w: 1, stride_h: 1, stride_w: 1,
                pad_h: 0, pad_w: 0, dilation_h: 1, dilation_w: 1, x: x, y: y))
        guard let kernel = mexit_conv2d_choose(conv) else { throw NetworkError("no kernel for the gradient of node \(value)") }
        let packed = try assembly.keep.allocate(Float.self, count: kernel.pointee.packed_floats(conv))
        let turned = try assembly.keep.allocate(Float.self, count: inputs * outputs)
        assembly.prepareBackward.append {
            for block in blocks {
                for input in 0..<block.inputs {
                    let from = block.weights + input * block.inputPitch
                    for output in 0..<outputs { turned[output * inputs + block.firstInput + input] = from[output * block.outputPitch] }
                }
            }
            kernel.pointee.pack(conv, turned, nil, packed)
        }
        assembly.needScratch(kernel.pointee.scratch_floats(conv))
        self.conv = conv
        self.kernel = kernel
        self.packed = packed
        units = kernel.pointee.units(conv)
    }

    func run(_ chunk: Chunk, _ dy: Rows, _ dx: Rows, accumulate: Bool) {
        var run = mexit_conv2d_run(
            x: dy.reading(from: chunk.first), y: dx.mutable(from: chunk.first), add: nil, n: chunk.count, unit_begin: 0,
            unit_end: units, accumulate: accumulate, activation: MEXIT_ACTIVATION_NONE, scratch: chunk.scratch, ahead: nil, ahead_floats: 0)
        kernel.pointee.run(conv, packed, &run)
    }
}
