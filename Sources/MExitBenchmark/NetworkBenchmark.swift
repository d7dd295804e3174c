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
        let context = try NetworkBenchmark.context(model, batch: batch, threads: threads)
        let slots = try NetworkBenchmark.take(context.slotCount, of: context)
        let groups = stride(from: 0, to: batch, by: slots.count).map { first in
            Group(first: first, slots: Array(slots.prefix(batch - first)))
        }
        var result = NetworkResult(batch: batch, threads: threads, peakGflops: peak.gflops)
        try check(context, groups, &result)
        try time(context, groups, &result)
        try profile(context, groups, &result)
        return result
    }

    /// Samples of a batch, from number `first` on, that go through the stages together.
    private struct Group {
        let first: Int
        let slots: [Int]
    }

    /// A context with slots for a batch, or for as much of it as is best taken through the stages together.
    static func context(_ model: CompiledModel, batch: Int, threads: Int) throws -> InferenceContext {
        try InferenceContext(model, slots: min(batch, InferenceContext.groupSize(threads: threads)), threads: threads)
    }

    private static func take(_ count: Int, of context: InferenceContext) throws -> [Int] {
        let slots = (0..<count).compactMap { _ in context.takeSlot() }
        guard slots.count == count else { throw BenchmarkError("\(slots.count) of \(count) slots are free") }
        return slots
    }

    private func load(_ context: InferenceContext, _ group: Group) throws {
        for (sample, slot) in zip(group.first..., group.slots) {
            try inputs[sample].withUnsafeBufferPointer { try context.load(values: $0, into: slot) }
        }
    }

    private func check(_ context: InferenceContext, _ groups: [Group], _ result: inout NetworkResult) throws {
        let before = context.work
        for group in groups {
            try load(context, group)
            for stage in 0..<model.stageCount {
                try context.runStage(stage, slots: group.slots)
                try checkLogits(context, group, stage)
            }
        }
        result.executedOperations = context.work.operations - before.operations
        result.executedMacs = context.work.macs - before.macs
        let operations = result.batch * model.stageOperations.reduce(0, +)
        let macs = result.batch * (model.cumulativeCosts.last?.macs ?? 0)
        guard result.executedOperations == operations, result.executedMacs == macs else {
            throw BenchmarkError(
                "a run of \(result.batch) samples executed \(result.executedOperations) operations and \(result.executedMacs) MACs; \(operations) and \(macs) are claimed")
        }
        var allocated = 0
        for group in groups {
            try load(context, group)
            let before = mexit_allocations()
            for stage in 0..<model.stageCount { try context.runStage(stage, slots: group.slots) }
            allocated += Int(mexit_allocations() - before)
        }
        result.allocations = mexit_allocations_counted() == 1 ? allocated : nil
    }

    private func checkLogits(_ context: InferenceContext, _ group: Group, _ stage: Int) throws {
        for (sample, slot) in zip(group.first..., group.slots) {
            let isEqual = try context.withLogits(of: slot) { logits in
                zip(logits, expected[sample][stage]).allSatisfy { $0.bitPattern == $1.bitPattern }
            }
            guard isEqual else {
                throw BenchmarkError(
                    "the logits of sample \(sample) at exit \(model.exits[stage]) in a group of \(group.slots.count) are not those of the sample alone; no time is worth knowing")
            }
        }
    }

    private func time(_ context: InferenceContext, _ groups: [Group], _ result: inout NetworkResult) throws {
        let count = model.stageCount
        var exits = [Samples](repeating: Samples(), count: count)
        var stages = exits
        var times = [Double](repeating: 0, count: count)
        try settings.series { isSample in
            var loading = 0.0
            for stage in 0..<count { times[stage] = 0 }
            for group in groups {
                let start = MonotonicTime.seconds
                try load(context, group)
                var last = MonotonicTime.seconds
                loading += last - start
                for stage in 0..<count {
                    try context.runStage(stage, slots: group.slots)
                    let now = MonotonicTime.seconds
                    times[stage] += now - last
                    last = now
                }
            }
            guard isSample else { return }
            result.load.append(loading)
            var whole = 0.0
            for stage in 0..<count {
                whole += times[stage]
                exits[stage].append(whole)
                stages[stage].append(times[stage])
            }
        }
        let batch = result.batch
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

    private func profile(_ context: InferenceContext, _ groups: [Group], _ result: inout NetworkResult) throws {
        var samples = [Samples](repeating: Samples(), count: steps.count)
        try settings.series { isSample in
            var times = [Double](repeating: 0, count: steps.count)
            for group in groups {
                try load(context, group)
                for stage in 0..<model.stageCount { try context.profileStage(stage, slots: group.slots, into: &times) }
                try checkLogits(context, group, model.stageCount - 1)
            }
            guard isSample else { return }
            for index in times.indices { samples[index].append(times[index]) }
        }
        for (index, step) in steps.enumerated() {
            result.steps.append(
                NetworkResult.Step(
                    step: index, stage: step.stage, node: step.node, operation: step.operation, kernel: step.kernel,
                    input: step.input, output: step.output, macs: step.macs, time: samples[index],
                    rate: Rate(macs: result.batch * step.macs, seconds: samples[index].median, peak: result.peakGflops)))
        }
        result.sumKernels()
    }
}
