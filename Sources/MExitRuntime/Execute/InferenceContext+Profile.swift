extension InferenceContext {
    /// As ``runStage(_:slots:)``, and adds to `seconds` the time of each step, by its place among all steps of the model
    /// (``CompiledModel/stepDescriptions``).
    ///
    /// Where threads share each step, that is the time that passed. Where every thread takes samples of its own through the
    /// stage, it is the sum over the threads divided by their number. Reading the clock is part of it, once per step.
    package func profileStage(_ stage: Int, slots group: [Int], into seconds: inout [Double]) throws {
        precondition(seconds.count == model.steps.count, "one time per step")
        try begin(stage, group)
        defer { leave() }
        let chunk = chunkSize(for: group.count)
        let chunks = (group.count + chunk - 1) / chunk
        let steps = model.steps(ofStage: stage)
        // Rows of one thread each, two cache lines apart at least.
        let stride = steps.count + 16
        var times = [Double](repeating: 0, count: stride * pool.threads)
        times.withUnsafeMutableBufferPointer { times in
            if chunks == 1 {
                withBases(group[...]) { bases in profile(steps, into: times[...]) { runShared($0, on: bases) } }
            } else {
                pool.run(chunks) { worker, index in
                    let members = group[index * chunk..<min(group.count, (index + 1) * chunk)]
                    withBases(members) { bases in
                        profile(steps, into: times[(worker * stride)...]) { workers[worker].run($0, on: bases, part: 0, of: 1) }
                    }
                }
            }
        }
        let share = chunks == 1 ? 1 : 1 / Double(pool.threads)
        for (position, step) in steps.indices.enumerated() {
            for worker in 0..<pool.threads { seconds[step] += share * times[worker * stride + position] }
        }
    }

    private func profile(
        _ steps: ArraySlice<Step>, into times: Slice<UnsafeMutableBufferPointer<Double>>, _ run: (Step) -> Void
    ) {
        var times = times
        var before = MonotonicTime.seconds
        for (position, step) in steps.enumerated() {
            run(step)
            let now = MonotonicTime.seconds
            times[times.startIndex + position] += now - before
            before = now
        }
    }
}
