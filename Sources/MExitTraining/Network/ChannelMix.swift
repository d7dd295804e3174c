import CMExitKernels
import MExitIR

/// 1x1 convolutions that read the same planes: one pass over them for all segments of outputs.
struct ChannelMix {
    /// Weights between some of the inputs and all outputs of a segment: that from input i to output o stands at
    /// `weights[o * outputPitch + i * inputPitch]`.
    struct Block {
        let segment: Int
        let firstInput: Int
        let inputs: Int
        let weights: UnsafeMutablePointer<Float>
        let outputPitch: Int
        let inputPitch: Int
    }

    private let mix: UnsafePointer<mexit_mix>
    private let packed: UnsafeMutablePointer<Float>
    private let blocks: [Block]

    /// - Parameters:
    ///   - x: layout of the inputs, and of the outputs but for the number of channels.
    ///   - outputs: channels of each segment.
    /// - Returns: nil when this processor or layout has no such kernel.
    init?(_ assembly: Assembly, x: mexit_map, outputs: [Int], blocks: [Block]) throws {
        var map = x
        guard mexit_mix_supports(&map, &map) else { return nil }
        let counts = try assembly.keep.constants(outputs.map(Int32.init))
        mix = try assembly.keep.constant(mexit_mix(x: x, segments: Int32(outputs.count), outputs: counts))
        packed = try assembly.keep.allocate(Float.self, count: mexit_mix_packed_floats(mix))
        self.blocks = blocks
    }

    /// To be done before a pass, after the weights have changed.
    func pack() {
        for block in blocks {
            mexit_mix_pack(
                mix, Int32(block.segment), Int32(block.firstInput), Int32(block.inputs), block.weights, Int64(block.outputPitch),
                Int64(block.inputPitch), packed)
        }
    }

    /// A step's work, for one table of inputs and one table per segment of outputs.
    func run(_ assembly: Assembly, x: Rows, y: [Rows], accumulate: [Bool]) throws -> (Chunk) -> Void {
        let tables = try assembly.keep.constants(y.map { Optional($0.mutable(from: 0)) })
        let flags = try assembly.keep.constants(accumulate)
        let (mix, packed) = (self.mix, self.packed)
        return { chunk in mexit_mix_f32(mix, packed, x.reading(from: 0), tables, chunk.first, chunk.count, flags) }
    }
}

extension Assembly {
    /// Adds the forward steps of all 1x1 convolutions that read what this one reads, when called for the first of them.
    ///
    /// - Returns: false when the convolution has to be done on its own.
    func addMixedForward(of index: Int) throws -> Bool {
        guard isMixable(index) else { return false }
        let input = plan.inputs(of: index)[0]
        // Their work is due in the same phase, since they wait for the same value.
        let siblings = plan.order.filter { isMixable($0) && plan.inputs(of: $0)[0] == input }
        if siblings[0] != index { return true }
        let inputs = graph.shapes[input].channels
        let blocks = siblings.enumerated().compactMap { segment, node -> ChannelMix.Block? in
            guard let tensor = tensor(node, .weight), let weights = parameters.tensor(tensor).baseAddress else { return nil }
            return ChannelMix.Block(
                segment: segment, firstInput: 0, inputs: inputs, weights: weights, outputPitch: inputs, inputPitch: 1)
        }
        let mix = try ChannelMix(
            self, x: map(input).pointee, outputs: siblings.map { graph.shapes[$0].channels }, blocks: blocks)
        guard let mix else { return false }
        prepareForward.append(mix.pack)
        prepareEvaluation.append(mix.pack)
        bothForward(
            Step(
                try mix.run(
                    self, x: values.rows(input), y: siblings.map(values.rows), accumulate: siblings.map { _ in false })))
        return true
    }

    private func isMixable(_ index: Int) -> Bool {
        guard case .conv2d(let conv) = graph.nodes[index].operation else { return false }
        return plan.materialized[index] && conv.isPointwise && !conv.hasBias
            && mexit_mix_supports(map(plan.inputs(of: index)[0]), map(index))
    }
}

extension Conv2D {
    /// Every output pixel depends on one input pixel, at the same place.
    var isPointwise: Bool { kernelHeight == 1 && kernelWidth == 1 && stride == 1 && padding == 0 && groups == 1 }
}
