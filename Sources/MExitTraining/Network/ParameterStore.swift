import MExitIR

/// One tensor's place in a flat buffer.
public struct TensorRange: Hashable, Sendable {
    public let spec: ParameterSpec
    /// First float, a multiple of 16.
    public let offset: Int
    /// Number of floats.
    public let count: Int

    public var range: Range<Int> { offset..<offset + count }
}

/// The numbers of a network while it is trained: one flat buffer of everything a gradient reaches, one of the running
/// statistics of batch norms.
///
/// Every tensor starts on a 64-byte boundary; the floats between tensors are zero and must stay so, which lets elementwise
/// steps run over the whole buffer. The pointers are valid as long as the store lives.
///
/// Unchecked: the layout is constant; the numbers are written by one phase of a training step at a time (initialise, forward,
/// optimise), and threads within a phase touch different tensors.
public final class ParameterStore: @unchecked Sendable {
    public let graph: Graph
    /// Trainable tensors in node order: what "tensor t" means everywhere in training.
    public let trainable: [TensorRange]
    /// Running means and variances in node order.
    public let statistics: [TensorRange]
    /// All trainable floats, 64-byte aligned.
    public var values: UnsafeMutableBufferPointer<Float> { trainableBuffer.floats }
    /// All running statistics, 64-byte aligned.
    public var statisticsValues: UnsafeMutableBufferPointer<Float> { statisticsBuffer.floats }

    private let trainableBuffer: AlignedBuffer
    private let statisticsBuffer: AlignedBuffer

    /// All zeros.
    ///
    /// - Throws: ``NetworkError`` when there is no memory.
    public init(graph: Graph) throws {
        self.graph = graph
        let specs = graph.parameters
        let (trainable, trainableCount) = try ParameterStore.layout(specs.filter(\.isTrainable))
        let (statistics, statisticsCount) = try ParameterStore.layout(specs.filter { !$0.isTrainable })
        self.trainable = trainable
        self.statistics = statistics
        trainableBuffer = try AlignedBuffer(count: trainableCount)
        statisticsBuffer = try AlignedBuffer(count: statisticsCount)
    }

    /// The numbers of a model.
    ///
    /// - Parameter tensors: values of every parameter of the graph by name, row-major.
    /// - Throws: ``NetworkError`` when a tensor is missing or of another size.
    public convenience init(graph: Graph, tensors: [String: [Float]]) throws {
        try self.init(graph: graph)
        try assign(tensors)
    }

    /// Overwrites all numbers. - Throws: ``NetworkError`` as the initialiser; then nothing is changed.
    public func assign(_ tensors: [String: [Float]]) throws {
        for tensor in trainable + statistics {
            guard let values = tensors[tensor.spec.name], values.count == tensor.count else {
                let found = tensors[tensor.spec.name].map { "\($0.count) values" } ?? "nothing"
                throw NetworkError(
                    "cannot set tensor '\(tensor.spec.name)': found \(found); the graph needs \(tensor.spec.dimensions), \(tensor.count) values")
            }
        }
        for (ranges, buffer) in [(trainable, values), (statistics, statisticsValues)] {
            for tensor in ranges {
                _ = buffer[tensor.range].update(fromContentsOf: tensors[tensor.spec.name] ?? [])
            }
        }
    }

    /// All tensors by name, row-major: what a ``Model`` holds.
    public func tensors() -> [String: [Float]] {
        var result: [String: [Float]] = [:]
        for tensor in trainable { result[tensor.spec.name] = Array(values[tensor.range]) }
        for tensor in statistics { result[tensor.spec.name] = Array(statisticsValues[tensor.range]) }
        return result
    }

    /// The floats of trainable tensor `t`, row-major.
    public func tensor(_ t: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(rebasing: values[trainable[t].range])
    }

    private static func layout(_ specs: [ParameterSpec]) throws -> ([TensorRange], Int) {
        var end = 0
        var ranges: [TensorRange] = []
        for spec in specs {
            ranges.append(TensorRange(spec: spec, offset: end, count: spec.count))
            let (next, overflow) = end.addingReportingOverflow((spec.count + 15) / 16 * 16)
            guard !overflow else { throw NetworkError("cannot lay out tensor '\(spec.name)': the network is too large for memory") }
            end = next
        }
        return (ranges, end)
    }
}
