import MExitData
import MExitIR
import MExitRuntime

// Letters: N samples, E exits, K classes.

/// What every exit of a model says of labelled samples: all that calibration looks at.
public struct ExitLogits: Sendable {
    /// What errors and reports call the data, and its fingerprint in hexadecimal.
    public var name: String
    public var fingerprint: String
    /// `[N]`, the true classes.
    public let labels: [Int32]
    public let classCount: Int
    /// Multiply-adds of an answer at each exit, `[E]`, ascending.
    public let macs: [Int]
    /// Per exit, `[N, K]`.
    public let values: [[Float]]

    public var count: Int { labels.count }
    public var exitCount: Int { values.count }

    /// - Throws: ``CalibrationError`` when the parts do not fit together, or cannot be calibrated on: fewer samples than classes,
    ///   one class only.
    public init(name: String, fingerprint: String = "", labels: [Int32], classCount: Int, macs: [Int], values: [[Float]]) throws {
        guard classCount >= 2 else {
            throw CalibrationError("cannot calibrate on \(name): the model tells \(classCount) class apart; at least 2 are needed")
        }
        guard !values.isEmpty, values.count == macs.count, values.allSatisfy({ $0.count == labels.count * classCount }),
            zip(macs, macs.dropFirst()).allSatisfy(<=), labels.allSatisfy({ (0..<Int32(clamping: classCount)).contains($0) })
        else {
            throw CalibrationError(
                "cannot calibrate on \(name): \(labels.count) labels below \(classCount), \(values.map(\.count)) logits and the costs \(macs) do not fit together")
        }
        guard labels.count >= classCount else {
            throw CalibrationError(
                "cannot calibrate on \(name): \(labels.count) samples for \(classCount) classes; at least one sample per class is needed, some thousands are advisable")
        }
        if let first = labels.first, labels.allSatisfy({ $0 == first }) {
            throw CalibrationError("cannot calibrate on \(name): all \(labels.count) samples are of class \(first); samples of all classes are needed")
        }
        self.name = name
        self.fingerprint = fingerprint
        self.labels = labels
        self.classCount = classCount
        self.macs = macs
        self.values = values
    }

    /// Runs every sample through every stage of the runtime that will serve the model, each stage once.
    ///
    /// - Parameters:
    ///   - batch: samples under way at once.
    ///   - threads: that share the work.
    ///   - progress: told after every batch how many samples are done.
    /// - Throws: ``EvaluationError``, ``CalibrationError``, `RuntimeError`.
    /// - Complexity: the whole network per sample; memory of 4 N E K bytes.
    public static func collect(
        _ model: CompiledModel, data: DataSet, batch: Int = 64, threads: Int = 1, progress: (Int) -> Void = { _ in }
    ) throws -> ExitLogits {
        var values = model.exits.map { _ in [Float](repeating: 0, count: data.count * model.classCount) }
        let context = try InferenceContext(model, slots: min(max(batch, 1), max(data.count, 1)), threads: threads)
        try AllExits(model, data: data, in: context).run { index, stage, logits in
            values[stage].withUnsafeMutableBufferPointer { all in
                for (k, logit) in logits.enumerated() { all[index * logits.count + k] = logit }
            }
            if stage == 0 { progress(index + 1) }
        }
        return try ExitLogits(
            name: data.name, fingerprint: hexadecimal(data.fingerprint(threads: threads)), labels: data.labels, classCount: model.classCount,
            macs: model.cumulativeCosts.map(\.macs), values: values)
    }

    /// The samples at `indices`, in that order; any of them, so unlike the initialiser it refuses none.
    func subset(_ indices: [Int]) -> ExitLogits { ExitLogits(self, indices) }

    private init(_ whole: ExitLogits, _ indices: [Int]) {
        name = whole.name
        fingerprint = whole.fingerprint
        classCount = whole.classCount
        macs = whole.macs
        labels = indices.map { whole.labels[$0] }
        let classes = whole.classCount
        values = whole.values.map { all in
            [Float](unsafeUninitializedCapacity: indices.count * classes) { out, filled in
                for (row, index) in indices.enumerated() {
                    for k in 0..<classes { out.initializeElement(at: row * classes + k, to: all[index * classes + k]) }
                }
                filled = indices.count * classes
            }
        }
    }

    /// Calls `body` with the logits, `[K]`, of each sample at an exit.
    func forEachSample(exit: Int, _ body: (_ index: Int, _ logits: UnsafeBufferPointer<Float>) -> Void) {
        values[exit].withUnsafeBufferPointer { all in
            for index in 0..<count {
                body(index, UnsafeBufferPointer(rebasing: all[index * classCount..<(index + 1) * classCount]))
            }
        }
    }
}
