/// An operating point stored with a model: when to leave, what that holds, and where it was learnt.
public struct NamedPolicy: Hashable, Sendable {
    /// "20M", for `--policy calibrated:20M`.
    public var name: String
    /// "confidence" (maximum softmax), "entropy", "margin" or "patience".
    public var measure: String
    /// One per exit but the last, which has none. Patience: how many exits must agree, the same whole number at each.
    public var thresholds: [Double]
    /// Softmax temperature per exit, or empty for 1.
    public var temperatures: [Double]
    /// How it was chosen, in words.
    public var method: String
    /// Multiply-adds per sample, and share of samples that are right, to be expected on data of the same kind.
    public var expectedMACs: Double
    public var expectedAccuracy: Double
    /// Samples it was chosen on, and their fingerprint.
    public var samples: Int
    public var dataFingerprint: String
    /// When it was chosen, RFC 3339 in UTC ("2026-11-24T02:39:10Z"); or empty.
    public var date: String
    /// What it holds on new data; nil when it promises nothing.
    public var promise: Promise?

    public init(
        name: String, measure: String, thresholds: [Double], temperatures: [Double] = [], method: String = "",
        expectedMACs: Double = 0, expectedAccuracy: Double = 0, samples: Int = 0, dataFingerprint: String = "", date: String = "",
        promise: Promise? = nil
    ) {
        self.name = name
        self.measure = measure
        self.thresholds = thresholds
        self.temperatures = temperatures
        self.method = method
        self.expectedMACs = expectedMACs
        self.expectedAccuracy = expectedAccuracy
        self.samples = samples
        self.dataFingerprint = dataFingerprint
        self.date = date
        self.promise = promise
    }

    func check(exits: Int) throws {
        guard !name.isEmpty, ["confidence", "entropy", "margin", "patience"].contains(measure) else {
            throw ModelError("policy '\(name)' uses measure '\(measure)'; a policy has a name, and its measure is confidence, entropy, margin or patience")
        }
        guard thresholds.count == exits - 1, thresholds.allSatisfy(\.isFinite) else {
            throw ModelError("policy '\(name)' has \(thresholds.count) thresholds for \(exits) exits; every exit but the last needs one finite number")
        }
        if measure == "patience", let patience = thresholds.first {
            guard thresholds.allSatisfy({ $0 == patience }), patience == patience.rounded(), (1...1024).contains(patience) else {
                throw ModelError("policy '\(name)' has the patience \(thresholds.shortened); give one whole number in 1 ... 1024, the same at every exit")
            }
        }
        try checkTemperatures(temperatures, exits: exits, "policy '\(name)'")
        guard expectedMACs.isFinite, expectedMACs >= 0, (0...1).contains(expectedAccuracy), samples >= 0 else {
            throw ModelError(
                "policy '\(name)' expects \(expectedMACs) MACs and the accuracy \(expectedAccuracy), from \(samples) samples; none may be negative, and an accuracy is at most 1")
        }
        try promise?.check("policy '\(name)'")
    }
}

/// What an operating point holds on new data like those it was chosen on.
public struct Promise: Hashable, Sendable {
    public enum Quantity: String, Hashable, Sendable, CaseIterable {
        /// Mean multiply-adds per sample.
        case macs
        /// Share of samples that are right.
        case accuracy
        /// Accuracy of the last exit minus that of the operating point.
        case accuracyGap = "accuracy-gap"
        /// Share of samples whose label is not that of the last exit.
        case disagreement
    }

    public var quantity: Quantity
    /// What the quantity shall not exceed; for accuracy, what it shall not fall below.
    public var limit: Double
    /// What the samples say of the quantity: with a confidence, the bound that holds with it; without one, an estimate.
    public var bound: Double
    /// Probability, over the choice of samples, that the limit holds; 0 for an estimate, which guarantees nothing. Below 1.
    public var confidence: Double
    /// "hoeffding-bentkus", "betting", "cross-validation".
    public var method: String

    public init(_ quantity: Quantity, limit: Double, bound: Double, confidence: Double = 0, method: String) {
        self.quantity = quantity
        self.limit = limit
        self.bound = bound
        self.confidence = confidence
        self.method = method
    }

    func check(_ owner: String) throws {
        let range: ClosedRange<Double> =
            switch quantity {
            case .macs: 0...0x1p62
            case .accuracy, .disagreement: 0...1
            case .accuracyGap: -1...1
            }
        guard range.contains(limit), range.contains(bound) else {
            throw ModelError(
                "\(owner) promises the limit \(limit) with the bound \(bound) on \(quantity.rawValue); both must be in \(range.lowerBound) ... \(range.upperBound)")
        }
        guard (0..<1).contains(confidence) else {
            throw ModelError("\(owner) promises with the confidence \(confidence); it must be at least 0 and below 1")
        }
    }
}

/// What going deeper brings, by how sure an exit is: for spending a batch's budget where it helps most.
public struct GainTables: Hashable, Sendable {
    /// How certainty was measured: "confidence", "entropy" or "margin".
    public var measure: String
    /// Softmax temperature per exit, or empty for 1.
    public var temperatures: [Double]
    /// One per exit but the last.
    public var exits: [GainTable]
    /// How they were made, in words.
    public var method: String
    /// Samples they were counted on, and their fingerprint.
    public var samples: Int
    public var dataFingerprint: String
    /// RFC 3339 in UTC, or empty.
    public var date: String

    public init(
        measure: String, temperatures: [Double] = [], exits: [GainTable], method: String = "", samples: Int = 0,
        dataFingerprint: String = "", date: String = ""
    ) {
        self.measure = measure
        self.temperatures = temperatures
        self.exits = exits
        self.method = method
        self.samples = samples
        self.dataFingerprint = dataFingerprint
        self.date = date
    }

    func check(exits count: Int) throws {
        guard ["confidence", "entropy", "margin"].contains(measure) else {
            throw ModelError("the gain tables use measure '\(measure)'; it must be confidence, entropy or margin")
        }
        guard exits.count == count - 1 else {
            throw ModelError("\(exits.count) gain tables for \(count) exits; every exit but the last needs one")
        }
        try checkTemperatures(temperatures, exits: count, "the gain tables")
        guard samples >= 0 else { throw ModelError("the gain tables count \(samples) samples; 0 or more are possible") }
        for (exit, table) in exits.enumerated() { try table.check(exit: exit, exits: count) }
    }
}

/// The gain table of one exit: its samples put into buckets by how sure it is of them.
public struct GainTable: Hashable, Sendable {
    /// Between buckets: ascending, above 0 and below 1, at most 255. A bucket holds its lower edge; the first starts at 0.
    public var edges: [Double]
    /// Per bucket, for this exit and each after it, the share of the bucket's samples that it labels right.
    public var accuracy: [[Double]]
    /// Samples per bucket.
    public var counts: [Int]
    /// Per bucket: the least mean multiply-adds per sample, of all samples together, at which the best policy of that cost sends
    /// the bucket's samples on to the next exit; above the cost of the last exit where none does. Empty when nobody worked it out.
    public var goesOnFrom: [Double]

    public init(edges: [Double], accuracy: [[Double]], counts: [Int], goesOnFrom: [Double] = []) {
        self.edges = edges
        self.accuracy = accuracy
        self.counts = counts
        self.goesOnFrom = goesOnFrom
    }

    /// The bucket of a certainty; 0 for what is not a number. Complexity: O(log buckets), no allocation.
    public func bucket(of certainty: Double) -> Int {
        var low = 0
        var high = edges.count
        while low < high {
            let middle = (low + high) / 2
            if certainty >= edges[middle] { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func check(exit: Int, exits: Int) throws {
        let what = "the gain table of exit \(exit)"
        guard edges.count <= 255, edges.allSatisfy({ $0 > 0 && $0 < 1 }), zip(edges, edges.dropFirst()).allSatisfy(<) else {
            throw ModelError("\(what) has the edges \(edges.shortened); at most 255 are possible, ascending, above 0 and below 1")
        }
        let buckets = edges.count + 1
        guard counts.count == buckets, counts.allSatisfy({ $0 >= 0 }) else {
            throw ModelError("\(what) has \(counts.count) counts for \(buckets) buckets; each bucket needs one of 0 or more")
        }
        guard accuracy.count == buckets, accuracy.allSatisfy({ $0.count == exits - exit }) else {
            throw ModelError("\(what) does not have \(exits - exit) accuracies for each of its \(buckets) buckets, one for itself and every later exit")
        }
        guard accuracy.allSatisfy({ $0.allSatisfy { (0...1).contains($0) } }) else {
            throw ModelError("\(what) has an accuracy outside 0 ... 1")
        }
        guard goesOnFrom.isEmpty || goesOnFrom.count == buckets, goesOnFrom.allSatisfy({ (0...0x1p62).contains($0) }) else {
            throw ModelError("\(what) goes on from the costs \(goesOnFrom.shortened); each of its \(buckets) buckets needs one of 0 ... 2^62, or none has one")
        }
    }
}

private func checkTemperatures(_ temperatures: [Double], exits: Int, _ owner: String) throws {
    guard temperatures.isEmpty || temperatures.count == exits, temperatures.allSatisfy({ $0.isFinite && $0 > 0 }) else {
        throw ModelError("\(owner) has temperatures \(temperatures.shortened) for \(exits) exits; give one above 0 for each exit, or none")
    }
}
