import CMExitAPI
import MExitRuntime

@_cdecl("mexit_context_create")
public func mexitContextCreate(
    _ model: OpaquePointer?, _ slots: Int32, _ threads: Int32, _ context: UnsafeMutablePointer<OpaquePointer?>?
) -> mexit_status {
    attempting {
        let context = try present(context, "context")
        let model = try Handle.object(model, ModelHandle.self, "model").model
        context.pointee = Handle.make(
            try ContextHandle(try InferenceContext(model, slots: Int(slots), threads: Int(threads))))
    }
}

@_cdecl("mexit_context_measure")
public func mexitContextMeasure(_ context: OpaquePointer?, _ runs: Int32) -> mexit_status {
    attempting {
        guard runs >= 0 else { throw UseError("'runs' is \(runs); it must be at least 0") }
        try Handle.object(context, ContextHandle.self, "context").alone { try $0.measureStages(runs: Int(runs)) }
    }
}

@_cdecl("mexit_context_close")
public func mexitContextClose(_ context: OpaquePointer?) { Handle.close(context, ContextHandle.self) }

@_cdecl("mexit_classify")
public func mexitClassify(
    _ context: OpaquePointer?, _ input: UnsafePointer<mexit_input>?, _ policy: OpaquePointer?, _ deadline: Int64,
    _ answer: UnsafeMutablePointer<mexit_answer>?, _ logits: UnsafeMutablePointer<Float>?
) -> mexit_status {
    attempting {
        let answer = try present(answer, "answer")
        let handle = try Handle.object(context, ContextHandle.self, "context")
        let input = try sample(try present(input, "input").pointee, "input")
        let policy = try checked(policy) ?? handle.last
        try handle.alone { context in
            if deadline == .max {
                write(try context.classify(input, policy: policy), to: answer, logits)
            } else {
                let timed = try context.classify(input, policy: policy, deadline: MonotonicInstant(nanoseconds: deadline))
                write(timed.answer, isLate: timed.isLate, to: answer, logits)
            }
        }
    }
}

@_cdecl("mexit_classify_batch")
public func mexitClassifyBatch(
    _ context: OpaquePointer?, _ inputs: UnsafePointer<mexit_input>?, _ count: Int, _ policy: OpaquePointer?,
    _ answers: UnsafeMutablePointer<mexit_answer>?, _ logits: UnsafeMutablePointer<Float>?
) -> mexit_status {
    attempting {
        let handle = try Handle.object(context, ContextHandle.self, "context")
        let samples = try batch(inputs, count, answers)
        let policy = try checked(policy) ?? handle.last
        try handle.alone { context in
            write(try context.classify(batch: samples, policy: policy.policy), to: answers, logits)
        }
    }
}

@_cdecl("mexit_classify_budget")
public func mexitClassifyBudget(
    _ context: OpaquePointer?, _ inputs: UnsafePointer<mexit_input>?, _ count: Int, _ budget: Int64, _ mode: mexit_budget_mode,
    _ policy: OpaquePointer?, _ answers: UnsafeMutablePointer<mexit_answer>?, _ logits: UnsafeMutablePointer<Float>?
) -> mexit_status {
    attempting {
        let handle = try Handle.object(context, ContextHandle.self, "context")
        let samples = try batch(inputs, count, answers)
        let policy = try checked(policy)
        let kind: BudgetMode
        switch mode {
        case MEXIT_BUDGET_EXACT:
            guard policy == nil else { throw UseError("exact mode asks no policy; give NULL, or MEXIT_BUDGET_THRESHOLD") }
            kind = .exact
        case MEXIT_BUDGET_THRESHOLD: kind = .threshold(policy?.policy)
        default: throw UseError("the budget mode is \(mode.rawValue); give MEXIT_BUDGET_EXACT or MEXIT_BUDGET_THRESHOLD")
        }
        try handle.alone { context in
            write(try context.classify(batch: samples, budget: .macs(Int(clamping: budget)), mode: kind).answers, to: answers, logits)
        }
    }
}

private func checked(_ policy: OpaquePointer?) throws -> CheckedPolicy? {
    policy == nil ? nil : try Handle.object(policy, PolicyHandle.self, "policy").policy
}

/// A caller's sample, copied.
func sample(_ input: mexit_input, _ name: String) throws -> Input {
    guard input.count >= 0 else { throw UseError("'\(name).count' is out of range") }
    switch (input.pixels, input.values) {
    case (let pixels?, nil): return .pixels(Array(UnsafeBufferPointer(start: pixels, count: input.count)))
    case (nil, let values?): return .values(Array(UnsafeBufferPointer(start: values, count: input.count)))
    default: throw UseError("'\(name)' must point to either pixels or values, and not to both")
    }
}

private func batch(
    _ inputs: UnsafePointer<mexit_input>?, _ count: Int, _ answers: UnsafeMutablePointer<mexit_answer>?
) throws -> [Input] {
    guard count >= 0 else { throw UseError("'count' is out of range") }
    if count == 0 { return [] }
    _ = try present(answers, "answers")
    return try UnsafeBufferPointer(start: try present(inputs, "inputs"), count: count).enumerated().map {
        try sample($0.element, "inputs[\($0.offset)]")
    }
}

func write(
    _ answer: Answer, isLate: Bool = false, to destination: UnsafeMutablePointer<mexit_answer>, _ logits: UnsafeMutablePointer<Float>?
) {
    destination.pointee = mexit_answer(
        exit: Int32(clamping: answer.exit), label: Int32(clamping: answer.label), stages: Int32(clamping: answer.stages),
        late: isLate ? 1 : 0, confidence: answer.confidence, macs: Int64(answer.macs), macs_saved: Int64(answer.macsSaved),
        flops: Int64(answer.flops), flops_saved: Int64(answer.flopsSaved))
    if let logits { for (index, value) in answer.logits.enumerated() { logits[index] = value } }
}

private func write(_ all: [Answer], to answers: UnsafeMutablePointer<mexit_answer>?, _ logits: UnsafeMutablePointer<Float>?) {
    guard let answers else { return }
    for (index, answer) in all.enumerated() { write(answer, to: answers + index, logits.map { $0 + index * answer.logits.count }) }
}
