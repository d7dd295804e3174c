import MExitParallel

extension InferenceContext {
    /// Runs a stage on any set of slots that are due for it. Where the model is still loading, waits for the stage's weights.
    ///
    /// - Parameters:
    ///   - stage: 0 ..< ``CompiledModel/stageCount``.
    ///   - group: slots that are due for it (``nextStage(of:)``), each once, in any order; none does nothing.
    /// - Throws: ``RuntimeError`` when a slot is not loaded, is at another stage or is named twice; what reading the stage's
    ///   weights met. Nothing is run then.
    /// - Complexity: the stage's cost times the number of slots; no allocation.
    public func runStage(_ stage: Int, slots group: [Int]) throws {
        try begin(stage, group)
        defer { leave() }
        let start = clock()
        defer { record(stage, group.count, since: start) }
        let chunk = chunkSize(for: group.count)
        let chunks = (group.count + chunk - 1) / chunk
        if chunks == 1 {
            runTogether(stage, group)
        } else {
            withUnsafePointer(to: ChunkLoop(context: self, stage: stage, group: group, chunk: chunk)) { loop in
                pool.run(chunks, on: loop) { $0.assumingMemoryBound(to: ChunkLoop.self).pointee.run($1, $2) }
            }
        }
    }

    private func record(_ stage: Int, _ count: Int, since start: MonotonicInstant) {
        if count == 0 { return }
        let (nanoseconds, overflow) = clock().nanoseconds.subtractingReportingOverflow(start.nanoseconds)
        guard !overflow else { return }
        times.record(stage: stage, count: count, nanoseconds: nanoseconds)
        totals.stages[stage].record(samples: count, nanoseconds: nanoseconds)
    }

    /// Moves the slots to the next stage, all or none, and takes the context for the caller until ``leave()``. A slot that is
    /// named twice is not due the second time.
    func begin(_ stage: Int, _ group: [Int]) throws {
        guard (0..<model.stageCount).contains(stage) else {
            throw RuntimeError(.badUse, "stage \(stage) is not there; this model has stages 0 ..< \(model.stageCount)")
        }
        try model.wait(forStage: stage)
        enter()
        for (position, slot) in group.enumerated() {
            guard slots.indices.contains(slot), slots[slot].isLoaded, slots[slot].isTaken, slots[slot].nextStage == stage else {
                for slot in group[..<position] { slots[slot].nextStage = stage }
                leave()
                throw RuntimeError(.badUse, "slot \(slot) is not due for stage \(stage); load it, run its stages in order, and name it once")
            }
            slots[slot].nextStage = stage + 1
        }
    }

    /// Samples per chunk: all threads busy, no chunk over a runner's capacity.
    func chunkSize(for count: Int) -> Int {
        min(StepRunner.groupSize, max(1, (count + pool.threads - 1) / pool.threads))
    }

    /// One chunk: threads share each convolution instead.
    private func runTogether(_ stage: Int, _ group: [Int]) {
        withBases(group[...]) { bases in
            let steps = model.steps(ofStage: stage)
            guard pool.threads > 1 else {
                for step in steps { workers[0].run(step, on: bases, part: 0, of: 1) }
                return
            }
            model.needs.withUnsafeBufferPointer { needs in
                guard let needs = needs.baseAddress else { return }
                withUnsafePointer(to: LaneLoop(context: self, steps: steps, bases: bases)) { loop in
                    lanes.run(steps.count, needs: needs + steps.startIndex, in: pool, on: loop) {
                        $0.assumingMemoryBound(to: LaneLoop.self).pointee.run($1, $2, $3)
                    }
                }
            }
        }
    }

    /// One step, by all threads where it can be split.
    func runShared(_ step: Step, on bases: UnsafeBufferPointer<UnsafeMutablePointer<Float>>) {
        if pool.threads > 1, case .conv2d(let convolution) = step.kind, convolution.units > 1 {
            let parts = min(pool.threads, convolution.units)
            withUnsafePointer(to: PartLoop(context: self, step: step, bases: bases, parts: parts)) { loop in
                pool.run(parts, on: loop) { $0.assumingMemoryBound(to: PartLoop.self).pointee.run($1, $2) }
            }
        } else {
            workers[0].run(step, on: bases, part: 0, of: 1)
        }
    }

    func withBases(_ members: ArraySlice<Int>, _ body: (UnsafeBufferPointer<UnsafeMutablePointer<Float>>) -> Void) {
        withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<Float>.self, capacity: StepRunner.groupSize) { bases in
            var count = 0
            for slot in members {
                bases.initializeElement(at: count, to: base(of: slot))
                count += 1
            }
            body(UnsafeBufferPointer(rebasing: bases[..<count]))
        }
    }

    /// The logits of the newest exit of a slot, `[K]`; valid inside the closure.
    ///
    /// - Returns: what `body` returns.
    /// - Throws: ``RuntimeError`` when no stage of the slot has been run; what `body` throws.
    /// - Complexity: O(1), no allocation.
    public func withLogits<Result>(of slot: Int, _ body: (UnsafeBufferPointer<Float>) throws -> Result) throws -> Result {
        try checkHasRun(slot)
        return try body(logits(of: slot, stage: slots[slot].nextStage - 1))
    }

    /// Logits of a stage that the slot has run; they stay in the slot until another sample is loaded.
    private func logits(of slot: Int, stage: Int) -> UnsafeBufferPointer<Float> {
        UnsafeBufferPointer(start: base(of: slot) + model.logits[stage].offset, count: model.classCount)
    }

    /// The class with the largest logit at the newest exit of a slot.
    package func label(of slot: Int) throws -> Int { try withLogits(of: slot, firstLargest) }

    /// Looks at the newest exit of a slot. Call once per stage: it follows the labels for patience.
    ///
    /// - Throws: ``RuntimeError`` when no stage of the slot has been run, or the policy was checked for a model with another
    ///   number of exits.
    package func verdict(of slot: Int, _ policy: CheckedPolicy) throws -> (verdict: Verdict, leaves: Bool) {
        guard policy.stageCount == model.stageCount else {
            throw RuntimeError(.badPolicy, "the policy was checked for a model of \(policy.stageCount) exits, this one has \(model.stageCount); check it for this model")
        }
        enter()
        defer { leave() }
        try checkHasRun(slot)
        let stage = slots[slot].nextStage - 1
        let verdict = policy.verdict(stage: stage) { logits(of: slot, stage: $0) }
        slots[slot].streak = verdict.label == slots[slot].label ? slots[slot].streak + 1 : 0
        slots[slot].label = verdict.label
        let leaves = stage == model.stageCount - 1
            || policy.leaves(model, at: stage, verdict, streak: slots[slot].streak) { logits(of: slot, stage: $0) }
        return (verdict, leaves)
    }

    /// What the newest exit of a slot says, with the cost so far. Throws when no stage of the slot has been run.
    package func answer(of slot: Int, _ verdict: Verdict) throws -> Answer {
        try checkHasRun(slot)
        let stage = slots[slot].nextStage - 1
        let done = model.cumulativeCosts[stage]
        let whole = model.cumulativeCosts[model.stageCount - 1]
        return Answer(
            exit: model.exits[stage], label: verdict.label, confidence: verdict.probability,
            logits: Array(logits(of: slot, stage: stage)), combined: combined(slot, stage, verdict), stages: stage + 1,
            macs: done.macs, macsSaved: whole.macs - done.macs, flops: done.flops, flopsSaved: whole.flops - done.flops)
    }

    private func combined(_ slot: Int, _ stage: Int, _ verdict: Verdict) -> [Double] {
        guard verdict.combination == .product else { return [] }
        return ExpertProduct(stages: stage + 1, exitCount: model.stageCount, classes: model.classCount) {
            logits(of: slot, stage: $0)
        }.probabilities
    }

    private func checkHasRun(_ slot: Int) throws {
        guard slots.indices.contains(slot), slots[slot].nextStage > 0 else {
            throw RuntimeError(.badUse, "slot \(slot) has no logits yet; run stage 0 first")
        }
    }
}

/// Chunks of a stage's samples, each taken through all of the stage's steps by one thread. A value behind a pointer, because
/// a closure that other threads call would be allocated.
private struct ChunkLoop {
    let context: InferenceContext
    let stage: Int
    let group: [Int]
    let chunk: Int

    func run(_ worker: Int, _ index: Int) {
        let members = group[index * chunk..<min(group.count, (index + 1) * chunk)]
        context.withBases(members) { bases in
            for step in context.model.steps(ofStage: stage) { context.workers[worker].run(step, on: bases, part: 0, of: 1) }
        }
    }
}

/// All steps of a stage for some samples, each step in as many parts as there are lanes.
private struct LaneLoop {
    let context: InferenceContext
    let steps: ArraySlice<Step>
    let bases: UnsafeBufferPointer<UnsafeMutablePointer<Float>>

    func run(_ worker: Int, _ lane: Int, _ step: Int) {
        let lanes = context.lanes.count
        let step = steps[steps.startIndex + step]
        if case .conv2d(let convolution) = step.kind, convolution.units > 1 {
            context.workers[worker].run(step, on: bases, part: lane, of: lanes)
        } else if lane == 0 {
            context.workers[worker].run(step, on: bases, part: 0, of: 1)
        }
    }
}

/// Parts of one step, shared by the threads.
private struct PartLoop {
    let context: InferenceContext
    let step: Step
    let bases: UnsafeBufferPointer<UnsafeMutablePointer<Float>>
    let parts: Int

    func run(_ worker: Int, _ part: Int) { context.workers[worker].run(step, on: bases, part: part, of: parts) }
}
