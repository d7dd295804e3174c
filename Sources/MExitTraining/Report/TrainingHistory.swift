#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a report shows of a run: its facts, and its epochs in order.
struct TrainingHistory {
    var facts: MetricsFile.Facts
    var run: RunReport
    private(set) var epochs: [EpochLine] = []

    init(facts: MetricsFile.Facts, run: RunReport) {
        self.facts = facts
        self.run = run
    }

    /// Takes an epoch in; one of the same number, from before a run was killed and resumed, gives way.
    mutating func add(_ epoch: EpochLine) {
        epochs.removeAll { $0.epoch >= epoch.epoch }
        epochs.append(epoch)
    }

    /// Takes in the epochs of a metrics file up to the step from which this run goes on. Lines that are cut off, of a killed run,
    /// and other types of lines are passed over.
    mutating func addEpochs(ofMetrics text: String) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        for line in text.split(separator: "\n") where line.contains(#""type":"epoch""#) {
            guard let epoch = try? decoder.decode(EpochLine.self, from: Data(line.utf8)), epoch.step <= run.firstStep else { continue }
            add(epoch)
        }
    }

    /// Numbers that curves show per exit.
    func curves(_ value: (EpochLine) -> [Double]) -> [[Double]] {
        facts.macs.indices.map { exit in epochs.map { value($0).indices.contains(exit) ? value($0)[exit] : .nan } }
    }
}

/// Conflict counts added up over some tensors, pairs or epochs.
struct ConflictSum {
    private(set) var seen = 0
    private(set) var conflicts = 0
    private var cosines = 0.0

    mutating func add(_ pair: PairLine) {
        seen += pair.seen
        conflicts += pair.conflicts
        cosines += pair.meanCosine * Double(pair.seen)
    }

    /// Share in conflict; nil when nothing was seen.
    var rate: Double? { seen == 0 ? nil : Double(conflicts) / Double(seen) }
    var meanCosine: Double? { seen == 0 ? nil : cosines / Double(seen) }
}
