import MExitIR

/// Which gradients are gathered instead of scattered.
///
/// In a dense network many 1x1 convolutions read one growing buffer. Each could add its share to the gradient of all channels it
/// read, which reads and writes that whole gradient once per convolution, for little arithmetic. Instead the gradients of the
/// convolutions' *outputs*, a few channels each, stay side by side in a stack, and the gradient of a value is made when it is
/// due: one 1x1 convolution from the part of the stack that read the value, sums in registers, written once.
struct DenseStacks {
    /// A convolution that read a value, and the first channel of the value in what it read.
    struct Source: Hashable {
        let reader: Int
        let channel: Int
    }

    /// By root of a buffer: the convolutions whose output gradients stand side by side, ascending.
    private(set) var readers: [Int: [Int]] = [:]
    /// By node: where its gradient is gathered from, ascending.
    private(set) var sources: [[Source]]
    /// By node: a convolution in one of the stacks.
    private(set) var isReader: [Bool]

    init(_ plan: ValuePlan) {
        let nodes = plan.graph.nodes
        sources = [[Source]](repeating: [], count: nodes.count)
        isReader = [Bool](repeating: false, count: nodes.count)
        var members = [Int](repeating: 0, count: nodes.count)
        for index in plan.order { members[plan.placement.root[index]] += 1 }
        var read: [Int: [Part]] = [:]
        for index in plan.order {
            guard case .conv2d(let conv) = nodes[index].operation, conv.isPointwise, plan.placement.root[index] == index,
                members[index] == 1
            else { continue }
            let input = plan.inputs(of: index)[0]
            guard input != 0, plan.needsGradient[input], let parts = DenseStacks.parts(of: input, plan) else { continue }
            read[index] = parts
            readers[plan.placement.root[input], default: []].append(index)
        }
        readers = readers.filter { $0.value.count > 1 }
        for reader in readers.values.joined().sorted() {
            isReader[reader] = true
            for part in read[reader] ?? [] where plan.needsGradient[part.value] {
                sources[part.value].append(Source(reader: reader, channel: part.channel))
            }
        }
    }

    private struct Part {
        let value: Int
        let channel: Int
    }

    /// The values that stand side by side in a concat of concats, or nil when one of them is a copy.
    private static func parts(of index: Int, _ plan: ValuePlan) -> [Part]? {
        var all: [Part] = []
        // The next part on top. No recursion: concats of one value each can stand behind one another by thousands.
        var open = [Part(value: index, channel: 0)]
        while let part = open.popLast() {
            guard case .concat = plan.graph.nodes[part.value].operation else {
                all.append(part)
                continue
            }
            var channel = 0
            var inputs: [Part] = []
            for input in plan.inputs(of: part.value) {
                guard plan.isPlaced(input, in: part.value, at: channel) else { return nil }
                inputs.append(Part(value: input, channel: part.channel + channel))
                channel += plan.graph.shapes[input].channels
            }
            open += inputs.reversed()
        }
        return all
    }
}

extension ValuePlan {
    /// Whether an input of a concat stands in the concat's own planes, from the given channel of it.
    func isPlaced(_ input: Int, in concat: Int, at channel: Int) -> Bool {
        placement.root[input] == placement.root[concat] && placement.channel[input] == placement.channel[concat] + channel
    }

    /// Whether a node's work is that of a batch norm.
    func isNorm(_ index: Int) -> Bool {
        if case .batchNorm = graph.nodes[fusedNorm[index] ?? index].operation { return true }
        return false
    }
}
