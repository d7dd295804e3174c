/// How often an exit is right when it says how sure it is: its samples in bins of equal width by softmax probability.
public struct Reliability: Hashable, Sendable, Codable {
    public struct Bin: Hashable, Sendable, Codable {
        public var count = 0
        public var correct = 0
        /// Sum of the probabilities of its samples.
        public var confidence = 0.0

        public init() {}
        /// Share that is right, and mean probability; nil for an empty bin.
        public var accuracy: Double? { count > 0 ? Double(correct) / Double(count) : nil }
        public var meanConfidence: Double? { count > 0 ? confidence / Double(count) : nil }
    }

    /// Bin b holds probabilities above b / bins, up to and with (b + 1) / bins; 0 is in the first.
    public private(set) var bins: [Bin]

    /// - Parameter bins: 15 in most papers.
    public init(bins: Int = 15) { self.bins = Array(repeating: Bin(), count: max(1, bins)) }

    public mutating func add(probability: Double, isCorrect: Bool) {
        let position = (probability * Double(bins.count)).rounded(.up) - 1
        let bin = min(max(position.isFinite ? Int(position) : 0, 0), bins.count - 1)
        bins[bin].count += 1
        bins[bin].confidence += probability
        if isCorrect { bins[bin].correct += 1 }
    }

    /// Expected calibration error: the mean, over samples, of the difference between accuracy and probability of their bins.
    ///
    /// - Source: Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.
    public var expectedCalibrationError: Double {
        let count = bins.reduce(0) { $0 + $1.count }
        guard count > 0 else { return 0 }
        return bins.reduce(0) { $0 + abs(Double($1.correct) - $1.confidence) } / Double(count)
    }
}
