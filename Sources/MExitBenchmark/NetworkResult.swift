/// What one batch size on one number of threads takes. MACs are of one sample, times of the whole batch.
public struct NetworkResult: Encodable, Sendable {
    public let batch: Int
    public let threads: Int
    /// FMA peak on as many threads, GFLOP/s.
    public let peakGflops: Double
    /// Putting the inputs into their slots: not part of any other time here.
    public internal(set) var load = Samples()
    /// Anytime execution: from the start to each exit.
    public internal(set) var exits: [Exit] = []
    /// The way from one exit to the next.
    public internal(set) var stages: [Stage] = []
    /// Every kernel call, measured in runs of their own with a clock between the calls.
    public internal(set) var steps: [Step] = []
    /// The same, added up by kernel; the slowest first.
    public internal(set) var kernels: [Kernel] = []
    /// Allocations that the calling thread made during one run to the last exit; nil where they cannot be counted.
    public internal(set) var allocations: Int?
    /// Graph operations and multiply-adds of one run, as the threads counted them while they worked.
    public internal(set) var executedOperations = 0
    public internal(set) var executedMacs = 0

    public struct Exit: Encodable, Sendable {
        /// Index into the graph's exits.
        public let exit: Int
        public let macs: Int
        public let time: Samples
        /// At the median.
        public let imagesPerSecond: Double
        public let rate: Rate
    }

    public struct Stage: Encodable, Sendable {
        public let stage: Int
        public let exit: Int
        public let macs: Int
        public let operations: Int
        public let time: Samples
        public let rate: Rate
    }

    public struct Step: Encodable, Sendable {
        public let step: Int
        public let stage: Int
        /// The graph node, of fused ones the last.
        public let node: String
        public let operation: String
        public let kernel: String
        public let input: [Int]
        public let output: [Int]
        public let macs: Int
        public let time: Samples
        public let rate: Rate
    }

    public struct Kernel: Encodable, Sendable {
        public let kernel: String
        public let steps: Int
        public let macs: Int
        /// Sum of the steps' medians.
        public let seconds: Double
        /// Of the time of all steps, 0 ... 1.
        public let shareOfTime: Double
        public let rate: Rate
    }
}

extension NetworkResult {
    /// Adds the steps up by kernel.
    mutating func sumKernels() {
        var order: [String] = []
        var members: [String: [Step]] = [:]
        for step in steps {
            if members[step.kernel] == nil { order.append(step.kernel) }
            members[step.kernel, default: []].append(step)
        }
        let total = steps.reduce(0) { $0 + $1.time.median }
        kernels = order.map { name in
            let own = members[name] ?? []
            let macs = own.reduce(0) { $0 + $1.macs }
            let seconds = own.reduce(0) { $0 + $1.time.median }
            return Kernel(
                kernel: name, steps: own.count, macs: macs, seconds: seconds, shareOfTime: total > 0 ? seconds / total : 0,
                rate: Rate(macs: macs * batch, seconds: seconds, peak: peakGflops))
        }.sorted { $0.seconds > $1.seconds }
    }
}
