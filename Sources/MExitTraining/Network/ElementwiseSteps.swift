import CMExitKernels
import MExitIR

extension Activation {
    /// The kernel's name for it, and its parameter.
    fileprivate var kernel: (mexit_unary, Float) {
        switch self {
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

extension Assembly {
    func addForward(activation: Activation, node index: Int) {
        let (op, parameter) = activation.kernel
        let input = plan.inputs(of: index)[0]
        let (x, y, xm, ym) = (values.rows(input), values.rows(index), map(input), map(index))
        bothForward(
            Step { chunk in
                mexit_unary_f32(op, parameter, xm, ym, x.reading(from: chunk.first), y.mutable(from: chunk.first), chunk.n)
            })
    }

    func addBackward(activation: Activation, node index: Int) throws {
        let (op, parameter) = activation.kernel
        let input = plan.inputs(of: index)[0]
        let (x, xm, dym) = (values.rows(input), map(input), map(index))
        let pairs = try backwardPairs(of: index, input: input)
        addBackward(
            Step { chunk in
                for (dy, dx) in pairs {
                    mexit_unary_backward_f32(
                        op, parameter, xm, dym, xm, x.reading(from: chunk.first), dy.reading(from: chunk.first),
                        dx.rows.mutable(from: chunk.first), chunk.n, dx.accumulate)
                }
            })
    }

    func addForwardSum(node index: Int) {
        let inputs = plan.inputs(of: index).map { (values.rows($0), map($0)) }
        let (y, ym) = (values.rows(index), map(index))
        bothForward(
            Step { chunk in
                var (left, leftMap) = inputs[0]
                for (right, rightMap) in inputs.dropFirst() {
                    mexit_add_f32(
                        leftMap, rightMap, ym, left.reading(from: chunk.first), right.reading(from: chunk.first),
                        y.mutable(from: chunk.first), chunk.n, MEXIT_ACTIVATION_NONE)
                    (left, leftMap) = (y, ym)
                }
            })
    }

    /// Every input's gradient is the sum's.
    func addBackwardSum(node index: Int) throws {
        for input in plan.inputs(of: index) { try addBackwardCopy(from: index, channel: 0, to: input) }
    }

    /// Copies those inputs that do not stand in the concat's buffer anyway.
    func addForwardConcat(node index: Int) throws {
        for (input, channel) in copied(concat: index) {
            let shift = channel * Int(map(index).pointee.channel_stride)
            let (x, y, xm) = (values.rows(input), values.rows(index), map(input))
            // Input and concat have the same planes, so the input's layout is also that of its place in the concat.
            let place = try Rows(count: batch, keep: keep) { y[$0] + shift }
            bothForward(
                Step { chunk in
                    mexit_unary_f32(
                        MEXIT_UNARY_IDENTITY, 0, xm, xm, x.reading(from: chunk.first), place.mutable(from: chunk.first), chunk.n)
                })
        }
    }

    func addBackwardConcat(node index: Int) throws {
        for (input, channel) in copied(concat: index) { try addBackwardCopy(from: index, channel: channel, to: input) }
    }

    /// Inputs of a concat that stand elsewhere, with their first channel in the concat.
    private func copied(concat index: Int) -> [(input: Int, channel: Int)] {
        var result: [(Int, Int)] = []
        var channel = 0
        for input in plan.inputs(of: index) {
            if !plan.isPlaced(input, in: index, at: channel) { result.append((input, channel)) }
            channel += graph.shapes[input].channels
        }
        return result
    }

    /// Adds a range of channels of a gradient to the gradient of an input.
    private func addBackwardCopy(from index: Int, channel: Int, to input: Int) throws {
        let shift = channel * Int(map(index).pointee.channel_stride)
        let m = map(input)
        let pairs = try backwardPairs(of: index, input: input).map { pair in
            (dy: try Rows(count: batch, keep: keep) { pair.dy[$0] + shift }, dx: pair.dx)
        }
        addBackward(
            Step { chunk in
                for (dy, dx) in pairs {
                    mexit_copy_f32(m, m, dy.reading(from: chunk.first), dx.rows.mutable(from: chunk.first), chunk.n, dx.accumulate)
                }
            })
    }

    func addForwardFlatten(node index: Int) {
        let input = plan.inputs(of: index)[0]
        let (x, y, xm) = (values.rows(input), values.rows(index), map(input))
        bothForward(
            Step { chunk in mexit_flatten_f32(xm, x.reading(from: chunk.first), y.mutable(from: chunk.first), chunk.n) })
    }

    func addBackwardFlatten(node index: Int) throws {
        let input = plan.inputs(of: index)[0]
        let xm = map(input)
        let pairs = try backwardPairs(of: index, input: input)
        addBackward(
            Step { chunk in
                for (dy, dx) in pairs {
                    mexit_unflatten_f32(xm, dy.reading(from: chunk.first), dx.rows.mutable(from: chunk.first), chunk.n, dx.accumulate)
                }
            })
    }

    func addForwardUpsample(node index: Int) {
        let input = plan.inputs(of: index)[0]
        let (x, y, xm, ym) = (values.rows(input), values.rows(index), map(input), map(index))
        bothForward(
            Step { chunk in
                mexit_upsample_nearest_f32(xm, ym, x.reading(from: chunk.first), y.mutable(from: chunk.first), chunk.n)
            })
    }

    func addBackwardUpsample(node index: Int) throws {
        let input = plan.inputs(of: index)[0]
        let (xm, ym) = (map(input), map(index))
        let pairs = try backwardPairs(of: index, input: input)
        addBackward(
            Step { chunk in
                for (dy, dx) in pairs {
                    mexit_upsample_nearest_backward_f32(
                        xm, ym, dy.reading(from: chunk.first), dx.rows.mutable(from: chunk.first), chunk.n, dx.accumulate)
                }
            })
    }
}
