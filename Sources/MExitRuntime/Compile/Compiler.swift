import CMExitKernels
import MExitIR

/// Turns fused operations into steps: chooses kernels and gives weights their places. No tensor is needed for that.
struct Compiler {
    let graph: Graph
    let memory: MemoryPlan
    let reordersSums: Bool
    private(set) var steps: [Step] = []
    /// First step of each stage, and one past the last step.
    private(set) var stageStarts: [Int] = []
    /// Per stage, what is to be packed where.
    private(set) var packings: [[Packing]] = []
    /// Size of the packed weights.
    private(set) var weightFloats = 0
    private(set) var scratchFloats = 0
    /// Where the packed weights of each step end; they start where those of the step before end.
    private var weightEnds: [Int] = []

    init(graph: Graph, operations: [FusedOperation], memory: MemoryPlan, stageCount: Int, reordersSums: Bool) throws {
        self.graph = graph
        self.reordersSums = reordersSums
        self.memory = memory
        var next = 0
        var clears = memory.clears[...]
        for stage in 0..<stageCount {
            stageStarts.append(steps.count)
            packings.append([])
            while next < operations.count, operations[next].stage == stage {
                while let clear = clears.first, clear.operation <= next {
                    let node = operations[next].output
                    steps.append(Step(kind: .clearHalo, x: clear.place, y: clear.place, operations: 0, macs: 0, node: node))
                    weightEnds.append(weightFloats)
                    clears.removeFirst()
                }
                try append(operations[next])
                weightEnds += Array(repeating: weightFloats, count: steps.count - weightEnds.count)
                next += 1
            }
        }
        stageStarts.append(steps.count)
        FetchPlan(weightEnds: weightEnds).apply(to: &steps)
    }

    /// Where a value lies in a slot.
    func place(_ value: Int) throws -> MemoryPlan.Place {
        guard let place = memory.places[value] else {
            throw RuntimeError(.badModel, "\(graph.nodes[value].name) has no place in memory; this is a fault of the compiler, please report it")
        }
        return place
    }

    private mutating func append(_ operation: FusedOperation) throws {
        let x = try place(operation.inputs[0])
        let y = try place(operation.output)
        let first = steps.count
        defer { for index in first..<steps.count { steps[index].node = operation.output } }
        switch operation.kind {
        case .concat:
            try appendCopies(operation)
        case .add:
            try appendTerms(operation)
        default:
            var step = Step(kind: try kind(of: operation, x, y), x: x, y: y, operations: 0, macs: 0)
            count(operation, in: &step)
            steps.append(step)
        }
    }

    private func count(_ operation: FusedOperation, in step: inout Step) {
        step.operations += operation.nodes.count
        step.macs += operation.nodes.reduce(0) { $0 + graph.cost(ofNode: $1).macs }
    }

    /// Copies what could not be placed inside a concat. A concat whose inputs are all in place costs nothing; it still is an
    /// operation of the graph that was executed, and is counted.
    private mutating func appendCopies(_ operation: FusedOperation) throws {
        let whole = try place(operation.output)
        var channel = 0
        let first = steps.count
        for input in operation.inputs {
            let x = try place(input)
            if !memory.isPlaced(input, inside: operation.output, atChannel: channel) {
                var map = whole.map
                map.channels = x.map.channels
                let y = MemoryPlan.Place(map: map, offset: whole.offset + channel * Int(map.channel_stride))
                steps.append(Step(kind: .copy, x: x, y: y, operations: 0, macs: 0))
            }
            channel += Int(x.map.channels)
        }
        if steps.count == first { steps.append(Step(kind: .nothing, x: whole, y: whole, operations: 0, macs: 0)) }
        count(operation, in: &steps[steps.count - 1])
    }

    /// A sum of more than two terms: the first two into y, then each further one onto y.
    private mutating func appendTerms(_ operation: FusedOperation) throws {
        let y = try place(operation.output)
        var sum = try place(operation.inputs[0])
        for (index, input) in operation.inputs.enumerated().dropFirst() {
            let isLast = index == operation.inputs.count - 1
            let kind = Step.Kind.add(second: try place(input), relu: isLast && operation.endsInRelu)
            steps.append(Step(kind: kind, x: sum, y: y, operations: 0, macs: 0))
            sum = y
        }
        count(operation, in: &steps[steps.count - 1])
    }

    private mutating func kind(of operation: FusedOperation, _ x: MemoryPlan.Place, _ y: MemoryPlan.Place) throws -> Step.Kind {
        let node = operation.nodes[0]
        switch operation.kind {
        case .conv2d(let conv, let norm):
            let add = operation.inputs.count > 1 ? try place(operation.inputs[1]) : nil
            return .conv2d(try convolution(conv, node: node, norm: norm, add: add, relu: operation.endsInRelu, x, y))
        case .linear(let linear):
            let inFeatures = x.map.channels
            let outFeatures = Int32(linear.outFeatures)
            let offset = reserve(mexit_linear_packed_floats(inFeatures, outFeatures))
            append(Packing(kind: .linear(inFeatures: inFeatures, outFeatures: outFeatures), node: node, offset: offset))
            return .linear(inFeatures: inFeatures, outFeatures: outFeatures, weights: offset)
        case .batchNorm:
            let channels = graph.shapes[node].channels
            let scale = reserve(channels)
            let bias = reserve(channels)
            append(Packing(kind: .scaleShift(bias: bias), node: node, offset: scale))
            return .scaleShift(scale: scale, bias: bias, relu: operation.endsInRelu)
        case .activation(let activation):
            let (unary, parameter) = Compiler.unary(activation)
            return .unary(unary, parameter: parameter)
        case .add, .concat:
            preconditionFailure("sums and concats become steps of their own")
        case .maxPool(let pool): return .maxPool(Compiler.pool(pool, x, y))
        case .averagePool(let pool): return .averagePool(Compiler.pool(pool, x, y))
        case .globalAveragePool: return .globalAveragePool
        case .flatten:
            return memory.isPlaced(operation.inputs[0], inside: operation.output, atChannel: 0) ? .nothing : .flatten
        case .upsample: return .upsample
        case .resize(let resize): return .resize(alignsCorners: resize.alignsCorners)
        }
    }
}

extension Compiler {
    private mutating func convolution(
        _ conv: Conv2D, node: Int, norm: Int?, add: MemoryPlan.Place?, relu: Bool, _ x: MemoryPlan.Place, _ y: MemoryPlan.Place
    ) throws -> ConvolutionStep {
        var shape = mexit_conv2d(
            in_channels: x.map.channels, out_channels: y.map.channels, groups: Int32(conv.groups),
            kernel_h: Int32(conv.kernelHeight), kernel_w: Int32(conv.kernelWidth),
            stride_h: Int32(conv.stride), stride_w: Int32(conv.stride), pad_h: Int32(conv.padding), pad_w: Int32(conv.padding),
            dilation_h: Int32(conv.dilation), dilation_w: Int32(conv.dilation), x: x.map, y: y.map)
        guard let kernel = reordersSums ? mexit_conv2d_choose_any(&shape) : mexit_conv2d_choose(&shape) else {
            throw RuntimeError(.badModel, "no kernel can run the convolution \(graph.nodes[node].name)")
        }
        let offset = reserve(kernel.pointee.packed_floats(&shape))
        append(Packing(kind: .conv2d(shape, kernel, norm: norm), node: node, offset: offset))
        let scratch = Int(kernel.pointee.scratch_floats(&shape))
        scratchFloats = max(scratchFloats, scratch)
        return ConvolutionStep(
            shape: shape, kernel: kernel, weights: offset, add: add, activation: relu ? MEXIT_ACTIVATION_RELU : MEXIT_ACTIVATION_NONE,
            units: Int(kernel.pointee.units(&shape)), scratchFloats: scratch)
    }

    /// Room for packed weights, starting on a cache line.
    private mutating func reserve(_ count: Int) -> Int {
        let offset = (weightFloats + 15) / 16 * 16
        weightFloats = offset + count
        return offset
    }

    private mutating func append(_ packing: Packing) { packings[packings.count - 1].append(packing) }

    private static func pool(_ pool: Pool2D, _ x: MemoryPlan.Place, _ y: MemoryPlan.Place) -> mexit_pool2d {
        mexit_pool2d(
            kernel_h: Int32(pool.kernel), kernel_w: Int32(pool.kernel), stride_h: Int32(pool.stride), stride_w: Int32(pool.stride),
            pad_h: Int32(pool.padding), pad_w: Int32(pool.padding), count_include_pad: pool.countIncludesPadding, x: x.map, y: y.map)
    }

    private static func unary(_ activation: Activation) -> (mexit_unary, Float) {
        switch activation {
        case .relu: (MEXIT_UNARY_RELU, 0)
        case .relu6: (MEXIT_UNARY_RELU6, 0)
        case .leakyRelu(let slope): (MEXIT_UNARY_LEAKY_RELU, slope)
        case .sigmoid: (MEXIT_UNARY_SIGMOID, 0)
        case .tanh: (MEXIT_UNARY_TANH, 0)
        case .silu: (MEXIT_UNARY_SILU, 0)
        case .hardSwish: (MEXIT_UNARY_HARD_SWISH, 0)
        case .gelu: (MEXIT_UNARY_GELU, 0)
        }
    }
}
