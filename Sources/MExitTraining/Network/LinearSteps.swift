import CMExitKernels
import MExitIR

/// A fully connected layer.
struct LinearSteps {
    private let assembly: Assembly
    private let index: Int
    private let input: Int
    private let weight: Int
    private let bias: Int?
    private let inFeatures: Int32
    private let outFeatures: Int32

    init(_ assembly: Assembly, node index: Int) throws {
        self.assembly = assembly
        self.index = index
        input = assembly.plan.inputs(of: index)[0]
        guard let weight = assembly.tensor(index, .weight) else { throw NetworkError("node \(index) has no weights") }
        self.weight = weight
        bias = assembly.tensor(index, .bias)
        inFeatures = assembly.map(input).pointee.channels
        outFeatures = assembly.map(index).pointee.channels
    }

    func addForward() throws {
        let (inFeatures, outFeatures) = (self.inFeatures, self.outFeatures)
        let packed = try assembly.keep.allocate(Float.self, count: mexit_linear_packed_floats(inFeatures, outFeatures))
        let weights = assembly.parameters.tensor(weight).baseAddress
        let biases = bias.flatMap { assembly.parameters.tensor($0).baseAddress }
        let prepare = { mexit_linear_pack_f32(inFeatures, outFeatures, weights, biases, packed) }
        assembly.prepareForward.append(prepare)
        assembly.prepareEvaluation.append(prepare)
        let (x, y) = (assembly.values.rows(input), assembly.values.rows(index))
        assembly.bothForward(
            Step { chunk in
                mexit_linear_f32(
                    inFeatures, outFeatures, packed, x.reading(from: chunk.first), y.mutable(from: chunk.first), chunk.n)
            })
    }

    func addBackward() throws {
        let (inFeatures, outFeatures) = (self.inFeatures, self.outFeatures)
        let pairs = try assembly.backwardPairs(of: index, input: input)
        let weights = assembly.parameters.tensor(weight).baseAddress
        assembly.addBackward(
            Step { chunk in
                for (dy, dx) in pairs {
                    mexit_linear_backward_data_f32(
                        inFeatures, outFeatures, weights, dy.reading(from: chunk.first), dx.rows.mutable(from: chunk.first), chunk.n,
                        dx.accumulate)
                }
            })
        try addBackwardWeights()
    }

    private func addBackwardWeights() throws {
        let (inFeatures, outFeatures) = (self.inFeatures, self.outFeatures)
        let gradients = try assembly.gradients.gradients(of: index)
        let count = Int(inFeatures) * Int(outFeatures)
        let total = count * gradients.count
        let offset = assembly.reservePartials(total)
        let biasTotal = Int(outFeatures) * gradients.count
        let biasOffset = bias.map { _ in assembly.reservePartials(biasTotal) }
        let reduceWeights = assembly.reduction(tensor: weight, offset: offset, count: total)
        let reduceBias = bias.flatMap { tensor in
            biasOffset.map { assembly.reduction(tensor: tensor, offset: $0, count: biasTotal) }
        }
        let x = assembly.values.rows(input)
        assembly.addBackward(
            Step(finish: reduceWeights + (reduceBias ?? []), takesWholeChunk: true) { chunk in
                if chunk.isFirst { mexit_zero_f32(chunk.partials + offset, total) }
                let biases = biasOffset.map { chunk.partials + $0 }
                if let biases, chunk.isFirst { mexit_zero_f32(biases, biasTotal) }
                for (position, dy) in gradients.enumerated() {
                    mexit_linear_backward_weights_f32(
                        inFeatures, outFeatures, x.reading(from: chunk.first), dy.reading(from: chunk.first), chunk.n,
                        chunk.partials + offset + position * count, biases.map { $0 + position * Int(outFeatures) })
                }
            })
    }
}
