import MExitIR

/// What a calibrated model expects of going deeper, ready to be asked: how sure an exit is -> how much accuracy a
/// multiply-add more brings. Immutable; made once per model.
public struct ExpectedGains: Sendable {
    /// Never leaves before the last exit; its verdicts' certainty is what the tables were made for.
    public let policy: CheckedPolicy
    private let tables: [GainTable]
    private let exits: [Int]
    /// Per stage but the last, per bucket.
    private let slopes: [[Double]]
    /// Whether the tables say from which mean cost on their buckets go on: for the network with all its exits.
    public let hasLevels: Bool

    /// Prepares the gain tables of a model; nil when it has none.
    ///
    /// - Throws: ``RuntimeError`` when they use a measure that this build does not know.
    /// - Complexity: O(exits^2 buckets).
    public init?(_ model: CompiledModel) throws {
        guard let gains = model.gainTables else { return nil }
        guard let measure = ConfidenceMeasure(rawValue: gains.measure) else {
            throw RuntimeError(.badPolicy, "the gain tables use the measure '\(gains.measure)', which this build does not know")
        }
        let exits = model.exits
        let temperatures = gains.temperatures.isEmpty ? [] : exits.map { gains.temperatures[$0] }
        let never = [Double](repeating: .infinity, count: exits.count - 1)
        policy = try CheckedPolicy(ExitPolicy(.threshold(measure, never), temperatures: temperatures), for: model)
        let tables = exits.dropLast().map { gains.exits[$0] }
        self.tables = tables
        self.exits = exits
        hasLevels = exits == Array(0...gains.exits.count) && tables.allSatisfy { !$0.goesOnFrom.isEmpty }
        let macs = model.cumulativeCosts.map { Double($0.macs) }
        slopes = tables.indices.map { stage in
            tables[stage].accuracy.map { accuracy in
                (stage + 1..<exits.count).map { later in
                    (accuracy[exits[later] - exits[stage]] - accuracy[0]) / max(macs[later] - macs[stage], 1)
                }.max() ?? 0
            }
        }
    }

    /// The most accuracy per multiply-add that going on from a stage is expected to bring: the steepest way to any later
    /// exit, in samples per MAC. Below 0 where every later exit is expected to do worse.
    ///
    /// - Parameters:
    ///   - stage: 0 ..< stages - 1.
    ///   - certainty: what ``policy``'s measure says of the sample at that stage.
    /// - Complexity: O(log buckets), no allocation.
    public func perMAC(stage: Int, certainty: Double) -> Double {
        slopes[stage][tables[stage].bucket(of: certainty)]
    }

    /// The least mean multiply-adds per sample, of all samples together, at which the best policy of that cost sends a sample on; above the
    /// cost of the last exit where none does. Nil without ``hasLevels``.
    ///
    /// - Parameters:
    ///   - stage: 0 ..< stages - 1.
    ///   - certainty: what ``policy``'s measure says of the sample at that stage.
    /// - Complexity: O(log buckets), no allocation.
    public func goesOnFrom(stage: Int, certainty: Double) -> Double? {
        hasLevels ? tables[stage].goesOnFrom[tables[stage].bucket(of: certainty)] : nil
    }

    /// The accuracy to be expected of a sample at a stage and at each later one.
    ///
    /// - Parameters:
    ///   - stage: 0 ..< stages - 1.
    ///   - certainty: what ``policy``'s measure says of the sample at that stage.
    /// - Returns: one accuracy, 0 ... 1, for `stage` and each stage after it.
    /// - Complexity: O(log buckets + stages), one allocation.
    public func accuracy(stage: Int, certainty: Double) -> [Double] {
        let row = tables[stage].accuracy[tables[stage].bucket(of: certainty)]
        return exits[stage...].map { row[$0 - exits[stage]] }
    }
}
