import CMExitKernels
import MExitIR

/// Where the packed weights of a step go, and what they are made of. Places follow from shapes alone, so all steps are
/// planned before a single tensor is read; packing follows stage by stage.
struct Packing {
    enum Kind {
        /// A convolution, with the batch norm `norm` (a node) folded in.
        case conv2d(mexit_conv2d, UnsafePointer<mexit_conv2d_kernel>, norm: Int?)
        case linear(inFeatures: Int32, outFeatures: Int32)
        /// A batch norm that stands alone; its shifts lie at `bias`, its scales at ``offset``.
        case scaleShift(bias: Int)
    }

    let kind: Kind
    /// The graph node whose parameters it takes.
    let node: Int
    /// Floats from the start of the packed weights.
    let offset: Int

    /// Nodes whose parameters are needed.
    var nodes: [Int] {
        if case .conv2d(_, _, let norm?) = kind { return [node, norm] }
        return [node]
    }
}

/// Turns tensors into packed weights.
struct Packer {
    let graph: Graph
    /// Start of the packed weights.
    let weights: UnsafeMutablePointer<Float>
    /// Values of a parameter by its name, row-major.
    let tensor: (String) throws -> [Float]

    func pack(_ packing: Packing) throws {
        let destination = weights + packing.offset
        switch packing.kind {
        case .conv2d(var shape, let kernel, let norm):
            var weight = try values(packing.node, .weight)
            var bias = hasBias(packing.node) ? try values(packing.node, .bias) : nil
            if let norm { try fold(norm, into: &weight, &bias) }
            kernel.pointee.pack(&shape, weight, bias, destination)
        case .linear(let inFeatures, let outFeatures):
            let bias = hasBias(packing.node) ? try values(packing.node, .bias) : nil
            mexit_linear_pack_f32(inFeatures, outFeatures, try values(packing.node, .weight), bias, destination)
        case .scaleShift(let bias):
            let (scale, shift) = try affine(ofNorm: packing.node)
            for channel in scale.indices {
                destination[channel] = Float(scale[channel])
                weights[bias + channel] = Float(shift[channel])
            }
        }
    }

    private func values(_ node: Int, _ role: ParameterRole) throws -> [Float] {
        try tensor("\(graph.nodes[node].name).\(role.rawValue)")
    }

    private func hasBias(_ node: Int) -> Bool {
        switch graph.nodes[node].operation {
        case .conv2d(let conv): conv.hasBias
        case .linear(let linear): linear.hasBias
        default: false
        }
    }

    /// y = scale x + shift of a batch norm with its running statistics, in double.
    private func affine(ofNorm node: Int) throws -> (scale: [Double], shift: [Double]) {
        guard case .batchNorm(let epsilon) = graph.nodes[node].operation else { return ([], []) }
        let weight = try values(node, .weight)
        let bias = try values(node, .bias)
        let mean = try values(node, .runningMean)
        let variance = try values(node, .runningVariance)
        let scale = weight.indices.map { Double(weight[$0]) / (Double(variance[$0]) + Double(epsilon)).squareRoot() }
        return (scale, weight.indices.map { Double(bias[$0]) - Double(mean[$0]) * scale[$0] })
    }

    private func fold(_ norm: Int, into weight: inout [Float], _ bias: inout [Float]?) throws {
        let (scale, shift) = try affine(ofNorm: norm)
        let taps = weight.count / max(scale.count, 1)
        for channel in scale.indices {
            let factor = scale[channel]
            weight.withUnsafeMutableBufferPointer { values in
                for index in channel * taps..<(channel + 1) * taps { values[index] = Float(Double(values[index]) * factor) }
            }
        }
        bias = scale.indices.map { Float(shift[$0] + Double(bias?[$0] ?? 0) * scale[$0]) }
    }
}
