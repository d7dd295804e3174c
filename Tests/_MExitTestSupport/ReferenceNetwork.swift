import MExitIR

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A graph evaluated node by node in double precision with plain loops: the truth that executors are compared with.
public struct ReferenceNetwork {
    public let model: Model

    public init(_ model: Model) { self.model = model }

    /// The value of every node for one input of dense `[C, H, W]` numbers.
    public func values(for input: [Float]) -> [[Double]] {
        var values: [[Double]] = []
        for index in model.graph.nodes.indices { values.append(value(of: index, input, values)) }
        return values
    }

    /// The logits of every exit.
    public func logits(for input: [Float]) -> [[Double]] {
        let values = values(for: input)
        return model.graph.exits.map { values[$0.logits] }
    }

    private func tensor(_ node: Int, _ role: ParameterRole) -> [Double]? {
        model.tensors["\(model.graph.nodes[node].name).\(role.rawValue)"]?.map(Double.init)
    }

    private func value(of index: Int, _ input: [Float], _ values: [[Double]]) -> [Double] {
        let node = model.graph.nodes[index]
        let inputs = node.inputs.map { values[$0] }
        let shapes = node.inputs.map { model.graph.shapes[$0] }
        let out = model.graph.shapes[index]
        switch node.operation {
        case .input: return input.map(Double.init)
        case .conv2d(let conv): return convolve(conv, index, inputs[0], shapes[0], out)
        case .batchNorm(let epsilon):
            let (weight, bias) = (tensor(index, .weight)!, tensor(index, .bias)!)
            let (mean, variance) = (tensor(index, .runningMean)!, tensor(index, .runningVariance)!)
            let plane = out.height * out.width
            return inputs[0].indices.map { i -> Double in
                let c = i / plane
                let normal = (inputs[0][i] - mean[c]) / (variance[c] + Double(epsilon)).squareRoot()
                return normal * weight[c] + bias[c]
            }
        case .activation(let activation): return inputs[0].map { apply(activation, $0) }
        case .add: return inputs[0].indices.map { i in inputs.reduce(0) { $0 + $1[i] } }
        case .concat: return inputs.flatMap { $0 }
        case .maxPool(let pool):
            return window(pool, shapes[0], out) { cells, _ in cells.map { inputs[0][$0] }.max() ?? 0 }
        case .averagePool(let pool):
            return window(pool, shapes[0], out) { cells, area in
                cells.reduce(0) { $0 + inputs[0][$1] } / Double(pool.countIncludesPadding ? area : cells.count)
            }
        case .globalAveragePool:
            let plane = shapes[0].height * shapes[0].width
            return (0..<out.channels).map { c in inputs[0][c * plane..<(c + 1) * plane].reduce(0, +) / Double(plane) }
        case .linear:
            let weight = tensor(index, .weight)!
            let bias = tensor(index, .bias)
            let count = inputs[0].count
            return (0..<out.count).map { o -> Double in
                var sum: Double = bias?[o] ?? 0
                for i in 0..<count { sum += weight[o * count + i] * inputs[0][i] }
                return sum
            }
        case .flatten: return inputs[0]
        case .upsample(let factor):
            return (0..<out.count).map { i -> Double in
                let c = i / (out.height * out.width)
                let y = i / out.width % out.height / factor
                let x = i % out.width / factor
                return inputs[0][(c * shapes[0].height + y) * shapes[0].width + x]
            }
        case .resize(let resize): return resized(inputs[0], resize, shapes[0])
        }
    }

    private func convolve(_ conv: Conv2D, _ index: Int, _ x: [Double], _ shape: Shape, _ out: Shape) -> [Double] {
        let weight = tensor(index, .weight)!
        let bias = tensor(index, .bias)
        let inPerGroup = shape.channels / conv.groups
        let outPerGroup = conv.outChannels / conv.groups
        var y = [Double](repeating: 0, count: out.count)
        for o in 0..<out.channels {
            for row in 0..<out.height {
                for column in 0..<out.width {
                    var sum = bias?[o] ?? 0
                    for i in 0..<inPerGroup {
                        let channel = o / outPerGroup * inPerGroup + i
                        for ky in 0..<conv.kernelHeight {
                            let sy = row * conv.stride - conv.padding + ky * conv.dilation
                            if sy < 0 || sy >= shape.height { continue }
                            for kx in 0..<conv.kernelWidth {
                                let sx = column * conv.stride - conv.padding + kx * conv.dilation
                                if sx < 0 || sx >= shape.width { continue }
                                let w = weight[((o * inPerGroup + i) * conv.kernelHeight + ky) * conv.kernelWidth + kx]
                                sum += w * x[(channel * shape.height + sy) * shape.width + sx]
                            }
                        }
                    }
                    y[(o * out.height + row) * out.width + column] = sum
                }
            }
        }
        return y
    }

    private func resized(_ x: [Double], _ resize: Resize, _ shape: Shape) -> [Double] {
        func position(_ i: Int, _ from: Int, _ to: Int) -> (low: Int, high: Int, weight: Double) {
            let place: Double =
                if resize.alignsCorners { to > 1 ? Double(i) * Double(from - 1) / Double(to - 1) : 0 } else {
                    max((Double(i) + 0.5) * Double(from) / Double(to) - 0.5, 0)
                }
            return (Int(place), min(Int(place) + 1, from - 1), place - place.rounded(.down))
        }
        var y: [Double] = []
        for c in 0..<shape.channels {
            for row in 0..<resize.height {
                let v = position(row, shape.height, resize.height)
                for column in 0..<resize.width {
                    let h = position(column, shape.width, resize.width)
                    func at(_ row: Int, _ column: Int) -> Double { x[(c * shape.height + row) * shape.width + column] }
                    let top = (1 - h.weight) * at(v.low, h.low) + h.weight * at(v.low, h.high)
                    let bottom = (1 - h.weight) * at(v.high, h.low) + h.weight * at(v.high, h.high)
                    y.append((1 - v.weight) * top + v.weight * bottom)
                }
            }
        }
        return y
    }

    /// Calls `body` with the cells of each window that lie inside the image, and the window's whole area.
    private func window(_ pool: Pool2D, _ shape: Shape, _ out: Shape, _ body: ([Int], Int) -> Double) -> [Double] {
        (0..<out.count).map { i in
            let (c, row, column) = (i / (out.height * out.width), i / out.width % out.height, i % out.width)
            var cells: [Int] = []
            for ky in 0..<pool.kernel {
                let y = row * pool.stride - pool.padding + ky
                for kx in 0..<pool.kernel {
                    let x = column * pool.stride - pool.padding + kx
                    if y >= 0, y < shape.height, x >= 0, x < shape.width { cells.append((c * shape.height + y) * shape.width + x) }
                }
            }
            return body(cells, pool.kernel * pool.kernel)
        }
    }

    private func apply(_ activation: Activation, _ x: Double) -> Double {
        switch activation {
        case .relu: max(x, 0)
        case .relu6: min(max(x, 0), 6)
        case .leakyRelu(let slope): x < 0 ? Double(slope) * x : x
        case .sigmoid: 1 / (1 + exp(-x))
        case .tanh: tanh(x)
        case .silu: x / (1 + exp(-x))
        case .hardSwish: x * min(max(x + 3, 0), 6) / 6
        case .gelu: x * 0.5 * (1 + erf(x / 2.0.squareRoot()))
        }
    }
}
