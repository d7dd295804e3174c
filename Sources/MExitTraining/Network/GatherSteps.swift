import CMExitKernels
import MExitIR

extension Assembly {
    /// Adds to the gradient of a value what the convolutions of its ``DenseStacks`` leave there: per loss, one 1x1 convolution from
    /// the channels of all of them, with their weights transposed side by side.
    func addGather(of index: Int) throws {
        let sources = stacks.sources[index]
        guard !sources.isEmpty, plan.needsGradient[index] else { return }
        var convolutions: [[DenseStacks.Source]: Gather] = [:]
        var calls: [(gather: Gather, dy: Rows, dx: Rows, accumulate: Bool)] = []
        for loss in plan.losses(index) {
            let pieces = neighbours(sources, loss: loss)
            guard !pieces.isEmpty, let target = try targets(of: index, losses: [loss])?.first else { continue }
            for (number, piece) in pieces.enumerated() {
                let gather = try convolutions[piece] ?? Gather(self, piece, of: index)
                convolutions[piece] = gather
                calls.append(
                    (gather, try gradients.rows(of: piece[0].reader, loss: loss), target.rows, target.accumulate || number > 0))
            }
        }
        addBackward(
            Step { chunk in
                for call in calls { call.gather.run(chunk, call.dy, call.dx, accumulate: call.accumulate) }
            })
    }

    /// Those sources that the loss reaches, in pieces that stand side by side in its stack.
    private func neighbours(_ sources: [DenseStacks.Source], loss: Int) -> [[DenseStacks.Source]] {
        let own = sources.filter { plan.losses($0.reader).contains(loss) }
        guard let first = own.first else { return [] }
        let root = plan.placement.root[plan.inputs(of: first.reader)[0]]
        let stack = (stacks.readers[root] ?? []).filter { plan.losses($0).contains(loss) }
        var pieces: [[DenseStacks.Source]] = []
        var next: Int?
        for source in own {
            let place = stack.firstIndex(of: source.reader)
            if let next, place == next { pieces[pieces.count - 1].append(source) } else { pieces.append([source]) }
            next = place.map { $0 + 1 }
        }
        return pieces
    }
}

/// A convolution from output gradients of several convolutions to the gradient of what they read.
private struct Gather {
    private let conv: UnsafePointer<mexit_conv2d>
    private let kernel: UnsafePointer<mexit_conv2d_kernel>
    private let packed: UnsafeMutablePointer<Float>
    private let units: Int

    init(_ assembly: Assembly, _ sources: [DenseStacks.Source], of index: Int) throws {
        let y = assembly.map(index).pointee
        let graph = assembly.graph
        var x = assembly.map(sources[0].reader).pointee
        let inputs = sources.reduce(0) { $0 + graph.shapes[$1.reader].channels }
        let outputs = Int(y.channels)
        guard let channels = Int32(exactly: inputs) else { throw NetworkError("node \(index) is read by too many convolutions") }
        x.channels = channels
        let conv = try assembly.keep.constant(
            mexit_conv2d(
                in_channels: channels, out_channels: y.channels, groups: 1, kernel_h: 1, kernel_w: 1, stride_h: 1, stride_w: 1,
                pad_h: 0, pad_w: 0, dilation_h: 1, dilation_w: 1, x: x, y: y))
        guard let kernel = mexit_conv2d_choose(conv) else { throw NetworkError("no kernel for the gradient of node \(index)") }
        let packed = try assembly.keep.allocate(Float.self, count: kernel.pointee.packed_floats(conv))
        let turned = try assembly.keep.allocate(Float.self, count: inputs * outputs)
        var parts: [(weights: UnsafeMutablePointer<Float>, rows: Int, pitch: Int)] = []
        for source in sources {
            guard let tensor = assembly.tensor(source.reader, .weight), let weights = assembly.parameters.tensor(tensor).baseAddress
            else { throw NetworkError("node \(source.reader) has no weights") }
            let pitch = graph.shapes[assembly.plan.inputs(of: source.reader)[0]].channels
            parts.append((weights + source.channel, graph.shapes[source.reader].channels, pitch))
        }
        assembly.prepareBackward.append {
            var column = 0
            for part in parts {
                for row in 0..<part.rows {
                    let from = part.weights + row * part.pitch
                    for output in 0..<outputs { turned[output * inputs + column] = from[output] }
                    column += 1
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
            unit_end: units, accumulate: accumulate, activation: MEXIT_ACTIVATION_NONE, scratch: chunk.scratch)
        kernel.pointee.run(conv, packed, &run)
    }
}
