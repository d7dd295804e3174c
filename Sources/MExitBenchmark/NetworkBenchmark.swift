import CMExitAllocations
import MExitRuntime

/// Measures inference of one compiled network. Before anything is timed, the logits of every sample at every exit must be
/// finite and equal, bit for bit, to those of the sample alone on one thread, and the work that was executed must be the
/// work that is claimed.
public final class NetworkBenchmark {
    public let model: CompiledModel
    private let settings: BenchmarkSettings
    private let steps: [StepDescription]
    private let inputs: [[Float]]
    /// Logits by sample and stage.
    private let expected: [[[Float]]]

    /// - Parameter largestBatch: that ``measure(batch:threads:peak:)`` will be asked for.
    /// - Throws: ``BenchmarkError`` when a logit is not finite.
    public init(_ subject: BenchmarkSubject, _ model: CompiledModel, settings: BenchmarkSettings, largestBatch: Int) throws {
        self.model = model
        self.settings = settings
        steps = model.stepDescriptions
        inputs = subject.inputs(largestBatch)
        let context = try InferenceContext(model)
        let slots = try NetworkBenchmark.take(1, of: context)
        expected = try inputs.map { input in
            try context.load(.values(input), into: slots[0])
            return try (0..<model.stageCount).map { stage in
                try context.runStage(stage, slots: slots)
                return try context.withLogits(of: slots[0]) { Array($0) }
            }
        }
        for (sample, logits) in expected.enumerated() {
            if let stage = logits.firstIndex(where: { !$0.allSatisfy(\.isFinite) }) {
                throw BenchmarkError("sample \(sample) has a logit at exit \(model.exits[stage]) that is not finite; check the weights")
            }
        }
    }

    /// - Throws: ``BenchmarkError`` when a check fails, `RuntimeError` when memory is short.
    public func measure(batch: Int, threads: Int, peak: Peak) throws -> NetworkResult {
        guard (1...inputs.count).contains(batch) else {
            throw BenchmarkError("batch is \(batch); it must be 1 ... \(inputs.count)")
        }
        let context = try InferenceContext(model, slots: batch, threads: threads)
        let slots = try NetworkBenchmark.take(batch, of: context)
        var result = NetworkResult(batch: batch, threads: threads, peakGflops: peak.gflops)
        try check(context, slots, &result)
        try time(context, slots, &result)
        try profile(context, slots, &result)
        return result
    }

    private static func take(_ count: Int, of context: InferenceContext) throws -> [Int] {
        let slots = (0..<count).compactMap { _ in context.takeSlot() }
        guard slots.count == count else { throw BenchmarkError("\(slots.count) of \(count) slots are free") }
        return slots
    }

    private func load(_ context: InferenceContext, _ slots: [Int]) throws {
        for (sample, slot) in slots.enumerated() {
            try inputs[sample].withUnsafeBufferPointer { try context.load(values: $0, into: slot) }
        }
    }

    private func check(_ context: InferenceContext, _ slots: [Int], _ result: inout NetworkResult) throws {
        let before = context.work
        try load(context, slots)
        for stage in 0..<model.stageCount {
            try context.runStage(stage, slots: slots)
            try checkLogits(context, slots, stage)
        }
        result.executedOperations = context.work.operations - before.operations
        result.executedMacs = context.work.macs - before.macs
        let operations = slots.count * model.stageOperations.reduce(0, +)
        let macs = slots.count * (model.cumulativeCosts.last?.macs ?? 0)
        guard result.executedOperations == operations, result.executedMacs == macs else {
            throw BenchmarkError(
                "a run of \(slots.count) samples executed \(result.executedOperations) operations and \(result.executedMacs) MACs; \(operations) and \(macs) are claimed")
        }
        try load(context, slots)
        let allocated = mexit_allocations()
        for stage in 0..<model.stageCount { try context.runStage(stage, slots: slots) }
        result.allocations = mexit_allocations_counted() == 1 ? Int(mexit_allocations() - allocated) : nil
    }

    private func checkLogits(_ context: InferenceContext, _ slots: [Int], _ stage: Int) throws {
        for (sample, slot) in slots.enumerated() {
            let isEqual = try context.withLogits(of: slot) { logits in
                zip(logits, expected[sample][stage]).allSatisfy { $0.bitPattern == $1.bitPattern }
            }
            guard isEqual else {
                throw BenchmarkError(
                    "the logits of sample \(sample) at exit \(model.exits[stage]) in a batch of \(slots.count) are not those of the sample alone; no time is worth knowing")
            }
        }
    }

    private func time(_ context: InferenceContext, _ slots: [Int], _ result: inout NetworkResult) throws {
        let count = model.stageCount
        var exits = [Samples](repeating: Samples(), count: count)
        var stages = exits
        var times = [Double](repeating: 0, count: count + 1)
        try settings.series { isSample in
            let start = MonotonicTime.seconds
            try load(context, slots)
            times[0] = MonotonicTime.seconds
            for stage in 0..<count {
                try context.runStage(stage, slots: slots)
                times[stage + 1] = MonotonicTime.seconds
            }
            guard isSample else { return }
            result.load.append(times[0] - start)
            for stage in 0..<count {
                exits[stage].append(times[stage + 1] - times[0])
                stages[stage].append(times[stage + 1] - times[stage])
            }
        }
        let batch = slots.count
        for stage in 0..<count {
            let whole = model.cumulativeCosts[stage].macs
            let own = model.stageCosts[stage].macs
            let seconds = exits[stage].median
            result.exits.append(
                NetworkResult.Exit(
                    exit: model.exits[stage], macs: whole, time: exits[stage],
                    imagesPerSecond: seconds > 0 ? Double(batch) / seconds : 0,
                    rate: Rate(macs: batch * whole, seconds: seconds, peak: result.peakGflops)))
            result.stages.append(
                NetworkResult.Stage(
                    stage: stage, exit: model.exits[stage], macs: own, operations: model.stageOperations[stage],
                    time: stages[stage], rate: Rate(macs: batch * own, seconds: stages[stage].median, peak: result.peakGflops)))
        }
    }

    private func profile(_ context: InferenceContext, _ slots: [Int], _ result: inout NetworkResult) throws {
        var samples = [Samples](repeating: Samples(), count: steps.count)
        try settings.series { isSample in
            var times = [Double](repeating: 0, count: steps.count)
            try load(context, slots)
            for stage in 0..<model.stageCount { try context.profileStage(stage, slots: slots, into: &times) }
            guard isSample else { return }
            for index in times.indices { samples[index].append(times[index]) }
        }
        try checkLogits(context, slots, model.stageCount - 1)
        for (index, step) in steps.enumerated() {
            result.steps.append(
                NetworkResult.Step(
                    step: index, stage: step.stage, node: step.node, operation: step.operation, kernel: step.kernel,
                    input: step.input, output: step.output, macs: step.macs, time: samples[index],
                    rate: Rate(macs: slots.count * step.macs, seconds: samples[index].median, peak: result.peakGflops)))
        }
        result.sumKernels()
    }
}
