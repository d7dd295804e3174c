/// How a policy does on a data set, with real early exits.
public struct PolicyEvaluation: Hashable, Sendable, Codable {
    /// The policy as it was asked for.
    public var policy: String
    public var accuracy: Double
    public var correct: Int
    public var samples: Int
    /// Multiply-adds that were executed, per sample, and the share of the whole network's that was not.
    public var meanMACs: Double
    public var savedShare: Double
    /// Wall-clock throughput, loading of pixels into the network's input included, decoding of files not.
    public var imagesPerSecond: Double
    /// Per exit: its index, the share of samples that left there, and how often they were right.
    public var exits: [ExitShare]

    /// `MACs` as one word, so that encoders that change the case of keys write `mean_macs`.
    private enum CodingKeys: String, CodingKey {
        case policy, accuracy, correct, samples, meanMACs = "meanMacs", savedShare, imagesPerSecond, exits
    }

    public struct ExitShare: Hashable, Sendable, Codable {
        public var exit: Int
        public var share: Double
        /// Nil when no sample left there.
        public var accuracy: Double?
    }
}
