import MExitCheckpoint
import MExitCommand
import MExitRuntime

/// Runs one network whenever a line tells it to, so that another program can measure it in turns with other runtimes: what
/// else the machine does then meets all of them. `tools/peers` is that program.
///
/// Lines, and the JSON object that answers each:
///
///     run COUNT STAGES     {"seconds": [...]}: COUNT times the inputs were loaded, STAGES stages run, the logits copied out
///     logits STAGES        {"logits": [...]}: of each of the first STAGES exits, [batch x classes], sample by sample
public final class TurnRunner {
    /// The first line, before any answer.
    public struct Ready: Encodable, Sendable {
        public let producer: String
        public let isa: String
        public let exits: [Int]
        public let classes: Int
        public let inputShape: [Int]
        public let batch: Int
        public let threads: Int
        /// Multiply-adds of one sample to each exit.
        public let macs: [Int]
        public let parameters: Int
        public let compileSeconds: Double
        public let slotFloats: Int
        public let leastSlotFloats: Int
    }

    public let ready: Ready
    private let model: CompiledModel
    private let context: InferenceContext
    private let slots: [Int]
    private let batch: Int
    private let inputs: [Float]
    private var logits: [Float]

    /// - Parameter inputs: `[batch, C, H, W]`; nil for random numbers.
    /// - Throws: ``BenchmarkError`` when there are not that many inputs, and what compiling throws.
    public init(_ subject: BenchmarkSubject, exits: [Int]?, batch: Int, threads: Int, inputs: [Float]?) throws {
        guard (1...65536).contains(batch) else { throw BenchmarkError("the batch is \(batch); it must be 1 ... 65536") }
        let start = MonotonicTime.seconds
        model = try CompiledModel(subject.model, options: CompileOptions(exits: exits))
        let seconds = MonotonicTime.seconds - start
        self.inputs = inputs ?? subject.inputs(batch).flatMap { $0 }
        guard self.inputs.count == batch * model.inputShape.count else {
            throw BenchmarkError(
                "cannot take inputs: \(self.inputs.count) numbers; a batch of \(batch) needs \(batch) x \(model.inputShape.count) = \(batch * model.inputShape.count)")
        }
        let context = try NetworkBenchmark.context(model, batch: batch, threads: threads)
        self.context = context
        self.batch = batch
        slots = (0..<context.slotCount).compactMap { _ in context.takeSlot() }
        logits = Array(repeating: 0, count: model.stageCount * batch * model.classCount)
        ready = Ready(
            producer: MExitVersion.producer(tool: "mexit-bench"), isa: Machine.current().isa, exits: model.exits, classes: model.classCount,
            inputShape: model.inputShape.dimensions, batch: batch, threads: threads, macs: model.cumulativeCosts.map(\.macs),
            parameters: model.cumulativeCosts.last?.parameters ?? 0, compileSeconds: seconds, slotFloats: model.slotFloats,
            leastSlotFloats: model.leastSlotFloats)
    }

    private struct Times: Encodable { let seconds: [Double] }
    private struct Logits: Encodable { let logits: [[Float]] }

    /// The answer to one line, a line of JSON.
    ///
    /// - Throws: ``BenchmarkError`` when the line is none of those above.
    public func answer(_ line: String) throws -> String {
        let words = line.split(separator: " ")
        let numbers = words.dropFirst().map { Int($0) ?? 0 }
        switch (words.first, numbers.count) {
        case ("run", 2) where (1...1_000_000).contains(numbers[0]) && (1...model.stageCount).contains(numbers[1]):
            return try jsonText(Times(seconds: try (0..<numbers[0]).map { _ in try time(stages: numbers[1]) }), pretty: false)
        case ("logits", 1) where (1...model.stageCount).contains(numbers[0]):
            _ = try time(stages: numbers[0])
            let size = batch * model.classCount
            return try jsonText(Logits(logits: (0..<numbers[0]).map { Array(logits[$0 * size..<($0 + 1) * size]) }), pretty: false)
        default:
            throw BenchmarkError("cannot take the line '\(line)'; write run COUNT STAGES or logits STAGES, with 1 ... \(model.stageCount) stages")
        }
    }

    /// Seconds from dense inputs to dense logits.
    private func time(stages: Int) throws -> Double {
        let start = MonotonicTime.seconds
        for first in stride(from: 0, to: batch, by: slots.count) {
            try run(first, slots.prefix(batch - first), stages: stages)
        }
        return MonotonicTime.seconds - start
    }

    /// Takes the samples from number `first` on through the stages, one for each slot.
    private func run(_ first: Int, _ slots: ArraySlice<Int>, stages: Int) throws {
        let size = model.inputShape.count
        let classes = model.classCount
        try inputs.withUnsafeBufferPointer { inputs in
            for (sample, slot) in zip(first..., slots) {
                try context.load(values: UnsafeBufferPointer(rebasing: inputs[sample * size..<(sample + 1) * size]), into: slot)
            }
        }
        let group = Array(slots)
        for stage in 0..<stages {
            try context.runStage(stage, slots: group)
            for (sample, slot) in zip(first..., slots) {
                let place = (stage * batch + sample) * classes
                try context.withLogits(of: slot) { values in
                    for index in values.indices { logits[place + index] = values[index] }
                }
            }
        }
    }
}
