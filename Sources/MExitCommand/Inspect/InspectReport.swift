import MExitIR

/// What `mexit-inspect` tells of a network, as `--json` prints it (keys in snake case). MACs, FLOPs and parameters are
/// counts; sizes say `bytes`.
public struct InspectReport: Encodable, Sendable {
    /// Counts of one way of execution up to an exit, for one sample.
    public struct Counts: Encodable, Hashable, Sendable {
        public var macs: Int
        public var flops: Int
        public var parameters: Int

        init(_ cost: Cost) {
            macs = cost.macs
            flops = cost.flops
            parameters = cost.parameters
        }
    }

    public struct Stage: Encodable, Sendable {
        /// Position in the plan: 0 is run first.
        public var stage: Int
        /// 0-based, among all exits of the graph.
        public var exit: Int
        public var exitName: String
        public var nodes: Int
        /// Of the exit's logits.
        public var outputShape: [Int]
        /// Values that are alive behind the stage, read by later ones, and their f32 bytes for one sample.
        public var carriedValues: Int
        public var carriedBytes: Int
        public var carriedShapes: [[Int]]
        /// Of this stage alone.
        public var cost: Counts
        /// Up to this exit, everything as late as possible: what the runtime does.
        public var lazy: Counts
        /// Up to this exit, all nodes in the order in which they are written: what papers count.
        public var eager: Counts
        /// This exit alone, without the heads of the others.
        public var single: Counts
        /// Of the stage's tensors in the file; nil without a file.
        public var storedBytes: Int?
    }

    public struct File: Encodable, Sendable {
        public var path: String
        public var formatVersion: String
        public var bytes: Int
        public var messageBytes: Int
        public var tensors: Int
        /// f32, in memory.
        public var tensorRawBytes: Int
        public var tensorStoredBytes: Int
        /// Bytes of the file over raw bytes of its tensors.
        public var ratio: Double
        /// With `--verify`.
        public var verification: Verification?
    }

    /// Every byte was read and every tensor decoded.
    public struct Verification: Encodable, Sendable {
        public var tensors: Int
        /// Elements that are infinite or not a number.
        public var nonFiniteValues: Int
    }

    public struct Tensor: Encodable, Sendable {
        public var name: String
        public var shape: [Int]
        public var stage: Int
        /// Precision in the file: f32, f16, bf16 or int8.
        public var storage: String
        public var codec: String
        /// f32, in memory.
        public var rawBytes: Int
        public var storedBytes: Int
        /// Stored over raw bytes.
        public var ratio: Double
    }

    public struct Preprocessing: Encodable, Sendable {
        public var mean: [Float]
        public var std: [Float]
    }

    public struct Policy: Encodable, Sendable {
        public var name: String
        public var measure: String
        public var thresholds: [Double]
        public var temperatures: [Double]
        public var method: String
        public var expectedMacs: Double
        public var expectedAccuracy: Double
        public var samples: Int
        public var dataFingerprint: String
        public var date: String
        public var promise: Promise?
    }

    /// What an operating point holds on new data: a bound with a confidence, or (confidence 0) an estimate.
    public struct Promise: Encodable, Sendable {
        public var quantity: String
        public var limit: Double
        public var bound: Double
        public var confidence: Double
        public var method: String
    }

    /// Which gain tables there are.
    public struct Gains: Encodable, Sendable {
        public var measure: String
        public var samples: Int
        /// Per exit but the last.
        public var buckets: [Int]
        public var dataFingerprint: String
        public var date: String
    }

    public struct Provenance: Encodable, Sendable {
        public var architecture: String
        public var command: String
        public var seed: UInt64
        public var epochs: Int
        public var data: String
        public var dataFingerprint: String
        public var validationAccuracy: [Double]
        public var producer: String
    }

    public var model: String
    public var inputShape: [Int]
    public var classes: Int
    public var classNames: [String]
    public var stages: [Stage]
    public var preprocessing: Preprocessing?
    public var policies: [Policy]?
    public var gainTables: Gains?
    public var provenance: Provenance?
    public var file: File?
    public var tensors: [Tensor]?
}
