import MExitData
import MExitRuntime

/// Runs labelled data through all stages of a model, batch by batch, in constant memory.
struct AllExits {
    let model: CompiledModel
    let data: DataSet
    let context: InferenceContext

    /// - Parameter context: of `model`, none of its slots taken; as many samples are under way at once as it has.
    /// - Throws: ``EvaluationError`` when the data's images or classes are not the model's.
    init(_ model: CompiledModel, data: DataSet, in context: InferenceContext) throws {
        let shape = model.inputShape
        guard data.channels == shape.channels, data.size.height == shape.height, data.size.width == shape.width else {
            throw EvaluationError("cannot evaluate on \(data.name): its images are \(data.channels)x\(data.size), the model takes \(shape)")
        }
        guard data.classNames.count == model.classCount else {
            throw EvaluationError("cannot evaluate on \(data.name): it has \(data.classNames.count) classes, the model tells \(model.classCount) apart")
        }
        guard data.count > 0 else { throw EvaluationError("cannot evaluate on \(data.name): it has no images") }
        self.model = model
        self.data = data
        self.context = context
    }

    /// - Parameter each: called for every sample and stage with its logits `[K]`; per batch stage by stage, in a stage the samples
    ///   of the batch in their order.
    /// - Returns: seconds that each stage took, for all samples together.
    @discardableResult
    func run(_ each: (_ index: Int, _ stage: Int, _ logits: UnsafeBufferPointer<Float>) throws -> Void) throws -> [Double] {
        var seconds = [Double](repeating: 0, count: model.stageCount)
        var start = 0
        while start < data.count {
            var group: [(slot: Int, index: Int)] = []
            while start + group.count < data.count, let slot = context.takeSlot() { group.append((slot, start + group.count)) }
            defer { group.forEach { context.release($0.slot) } }
            for member in group { try load(member.index, into: member.slot) }
            for stage in 0..<model.stageCount {
                let begin = ContinuousClock.now
                try context.runStage(stage, slots: group.map(\.slot))
                seconds[stage] += begin.duration(to: .now) / .seconds(1)
                for member in group { try context.withLogits(of: member.slot) { try each(member.index, stage, $0) } }
            }
            start += group.count
        }
        return seconds
    }

    func load(_ index: Int, into slot: Int) throws {
        try data.withPixels(of: index) { try context.load(pixels: $0, into: slot) }
    }
}
