import CMExitAPI
import MExitCAPI
import MExitCheckpoint
import MExitIR
import MExitRuntime
import Synchronization
import Testing
import _MExitTestSupport

/// The C functions, called as C calls them.
@Suite struct InterfaceTests {
    private let model: Model
    private let compiled: CompiledModel
    private let bytes: [UInt8]

    init() throws {
        let point = NamedPolicy(name: "early", measure: "confidence", thresholds: [0, 0, 0, 0], expectedMACs: 7e6)
        model = try randomModel(Architectures.preset(named: "msdnet-tiny").graph(classes: 10), seed: 7, policies: [point])
        compiled = try CompiledModel(model)
        bytes = try Checkpoint.bytes(model)
    }

    /// A handle, made by a function whose last parameter takes it.
    private func make(_ body: (UnsafeMutablePointer<OpaquePointer?>) -> mexit_status) throws -> OpaquePointer {
        var handle: OpaquePointer?
        let status = body(&handle)
        try #require(status == MEXIT_OK, "\(error())")
        return try #require(handle)
    }

    private func error() -> String { mexit_error().map { String(cString: $0) } ?? "" }

    private func open(_ options: mexit_compile_options? = nil) throws -> OpaquePointer {
        let file = try make { mexit_open_memory(bytes, bytes.count, $0) }
        defer { mexit_close(file) }
        return try make { out in
            guard var options else { return mexit_compile(file, nil, out) }
            return mexit_compile(file, &options, out)
        }
    }

    private func values(_ seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return generator.floats(model.graph.inputShape.count, -2...2)
    }

    private func withInput<Result>(_ values: [Float], _ body: (UnsafePointer<mexit_input>) throws -> Result) rethrows -> Result {
        try values.withUnsafeBufferPointer { values in
            var input = mexit_input(pixels: nil, values: values.baseAddress, count: values.count)
            return try body(&input)
        }
    }

    private func equal(_ answer: mexit_answer, _ expected: Answer) -> Bool {
        Int(answer.exit) == expected.exit && Int(answer.label) == expected.label && Int(answer.stages) == expected.stages
            && answer.confidence == expected.confidence && Int(answer.macs) == expected.macs && Int(answer.macs_saved) == expected.macsSaved
            && Int(answer.flops) == expected.flops && Int(answer.flops_saved) == expected.flopsSaved
    }

    @Test func describesTheModel() throws {
        let handle = try open()
        defer { mexit_model_close(handle) }
        var info = mexit_model_info()
        #expect(mexit_model_describe(handle, &info) == MEXIT_OK)
        #expect(info.rank == 3 && info.shape.0 == 3 && info.shape.1 == 32 && info.shape.2 == 32 && info.input_count == 3072)
        #expect(info.class_count == 10 && info.stage_count == 5 && info.loaded_stages == 5 && info.policy_count == 1)
        for stage in 0..<5 {
            var info = mexit_stage_info()
            #expect(mexit_model_stage(handle, Int32(stage), &info) == MEXIT_OK)
            #expect(Int(info.exit) == stage && Int(info.macs) == compiled.cumulativeCosts[stage].macs)
            #expect(Int(info.flops) == compiled.cumulativeCosts[stage].flops)
        }
        #expect(mexit_model_class_name(handle, 3).map { String(cString: $0) } == "class3")
        #expect(mexit_model_class_name(handle, 10) == nil && mexit_model_class_name(handle, -1) == nil)
        #expect(mexit_model_policy_name(handle, 0).map { String(cString: $0) } == "early")
        #expect(mexit_model_policy_name(handle, 1) == nil)
        // Whether it is permitted depends on the machine; a level that is not there is refused on all.
        #expect(mexit_thread_realtime(1000) == MEXIT_ERROR_USE && String(cString: mexit_error()).contains("1000"))
        #expect(mexit_thread_realtime(0) == MEXIT_OK)
        #expect(String(cString: mexit_version()) == "0.1.0")
    }

    @Test func everyModeGivesTheSameBits() throws {
        let handle = try open()
        let context = try make { mexit_context_create(handle, 3, 2, $0) }
        // Handles may be closed in any order.
        let policy = try make { mexit_policy_create(handle, "calibrated:early", $0) }
        let margin = try make { mexit_policy_create(handle, "product:margin:0.3", $0) }
        mexit_model_close(handle)
        defer { mexit_context_close(context) }
        let all = try (0..<5).map { seed in Array(try InferenceContext(compiled).anytime(.values(values(UInt64(seed))))) }
        var answer = mexit_answer()
        var logits = [Float](repeating: 0, count: 10)
        try withInput(values(0)) { input in
            #expect(mexit_classify(context, input, nil, .max, &answer, &logits) == MEXIT_OK)
            #expect(equal(answer, all[0][4]) && logits == all[0][4].logits && answer.late == 0)
            #expect(mexit_classify(context, input, policy, .max, &answer, &logits) == MEXIT_OK)
            #expect(equal(answer, all[0][0]) && logits == all[0][0].logits)
            #expect(mexit_classify(context, input, nil, mexit_now() - 1, &answer, &logits) == MEXIT_OK)
            #expect(equal(answer, all[0][0]) && answer.late == 1)
            let product = try InferenceContext(compiled).classify(
                .values(values(0)), policy: ExitPolicy(text: "product:margin:0.3", for: compiled))
            #expect(mexit_classify(context, input, margin, .max, &answer, nil) == MEXIT_OK)
            #expect(equal(answer, product))

            let anytime = try make { mexit_anytime_begin(context, input, .max, $0) }
            for expected in all[0] {
                #expect(mexit_anytime_step(anytime, &answer, &logits) == MEXIT_OK)
                #expect(equal(answer, expected) && logits == expected.logits)
            }
            for _ in 0..<2 { #expect(mexit_anytime_step(anytime, &answer, &logits) == MEXIT_DONE) }
            #expect(mexit_anytime_end(anytime) == MEXIT_OK)
            // Ended half way: the slot is free again.
            for _ in 0..<5 {
                let half = try make { mexit_anytime_begin(context, input, .max, $0) }
                #expect(mexit_anytime_step(half, &answer, nil) == MEXIT_OK)
                #expect(mexit_anytime_end(half) == MEXIT_OK)
            }
        }
        try withBatch(5) { inputs in
            var answers = [mexit_answer](repeating: mexit_answer(), count: 5)
            var logits = [Float](repeating: 0, count: 50)
            #expect(mexit_classify_batch(context, inputs, 5, nil, &answers, &logits) == MEXIT_OK)
            for index in 0..<5 {
                #expect(equal(answers[index], all[index][4]) && Array(logits[index * 10..<index * 10 + 10]) == all[index][4].logits)
            }
            let budget = 5 * compiled.cumulativeCosts[1].macs
            let swift = try InferenceContext(compiled, slots: 3).classify(
                batch: (0..<5).map { .values(values(UInt64($0))) }, budget: .macs(budget))
            #expect(mexit_classify_budget(context, inputs, 5, Int64(budget), MEXIT_BUDGET_EXACT, nil, &answers, &logits) == MEXIT_OK)
            for index in 0..<5 {
                #expect(equal(answers[index], swift.answers[index]))
                #expect(Array(logits[index * 10..<index * 10 + 10]) == swift.answers[index].logits)
            }
            #expect(mexit_classify_budget(context, inputs, 5, Int64(budget), MEXIT_BUDGET_THRESHOLD, nil, &answers, nil) == MEXIT_OK)
            #expect(answers.allSatisfy { $0.exit == 0 })
            #expect(mexit_classify_batch(context, inputs, 0, nil, nil, nil) == MEXIT_OK)
        }
        mexit_policy_close(policy)
        mexit_policy_close(margin)
        var totals = mexit_totals()
        #expect(mexit_context_totals(context, &totals) == MEXIT_OK)
        #expect(totals.samples == 25 && totals.unanswered == 0)
        #expect(totals.macs + totals.macs_saved == 25 * Int64(compiled.cumulativeCosts[4].macs))
        var answered: Int64 = 0
        for stage in 0..<5 as Range<Int32> {
            var stageTotals = mexit_stage_totals()
            #expect(mexit_context_stage_totals(context, stage, &stageTotals) == MEXIT_OK)
            answered += stageTotals.answers
            #expect(stageTotals.runs > 0 && stageTotals.time > 0 && stageTotals.median_time <= stageTotals.longest_time)
        }
        #expect(answered == totals.samples)
    }

    private func withBatch(_ count: Int, _ body: (UnsafePointer<mexit_input>) throws -> Void) throws {
        let flat = (0..<count).flatMap { values(UInt64($0)) }
        try flat.withUnsafeBufferPointer { flat in
            let size = flat.count / count
            let start = try #require(flat.baseAddress)
            let inputs = (0..<count).map { mexit_input(pixels: nil, values: start + $0 * size, count: size) }
            try inputs.withUnsafeBufferPointer { try body(try #require($0.baseAddress)) }
        }
    }

    @Test func subsetsAndProgressiveLoading() throws {
        let exits: [Int32] = [1, 3]
        let handle = try exits.withUnsafeBufferPointer {
            try open(mexit_compile_options(exits: $0.baseAddress, exit_count: 2, progressive: 1))
        }
        defer { mexit_model_close(handle) }
        #expect(mexit_model_wait(handle) == MEXIT_OK)
        let context = try make { mexit_context_create(handle, 1, 1, $0) }
        defer { mexit_context_close(context) }
        #expect(mexit_context_measure(context, 2) == MEXIT_OK)
        var answer = mexit_answer()
        var logits = [Float](repeating: 0, count: 10)
        let expected = Array(try InferenceContext(compiled).anytime(.values(values(1))))[3]
        withInput(values(1)) { #expect(mexit_classify(context, $0, nil, .max, &answer, &logits) == MEXIT_OK) }
        #expect(answer.exit == 3 && answer.stages == 2 && logits == expected.logits)
    }

    @Test func policiesOfTheCallersOwn() throws {
        let handle = try open()
        defer { mexit_model_close(handle) }
        let context = try make { mexit_context_create(handle, 1, 1, $0) }
        defer { mexit_context_close(context) }
        var limit: Int64 = Int64(compiled.cumulativeCosts[2].macs)
        try withUnsafeMutablePointer(to: &limit) { limit in
            let policy = try make {
                mexit_policy_create_custom(
                    handle, "affordable", { user, view in
                        guard let user, let view = view?.pointee else { return 1 }
                        return view.macs + view.macs_of_next_stage > user.assumingMemoryBound(to: Int64.self).pointee ? 1 : 0
                    }, limit, $0)
            }
            defer { mexit_policy_close(policy) }
            var answer = mexit_answer()
            withInput(values(1)) { #expect(mexit_classify(context, $0, policy, .max, &answer, nil) == MEXIT_OK) }
            #expect(answer.exit == 2)
        }
    }

    @Test func badUseIsAnError() throws {
        let handle = try open()
        defer { mexit_model_close(handle) }
        let context = try make { mexit_context_create(handle, 1, 1, $0) }
        defer { mexit_context_close(context) }
        var out: OpaquePointer?
        var answer = mexit_answer()
        func expect(_ status: mexit_status, _ expected: mexit_status, _ words: String, _ line: Int = #line) {
            #expect(status == expected && error().contains(words), "line \(line): \(status.rawValue) \(error())")
        }
        expect(mexit_open("/nowhere/a.mexit", &out), MEXIT_ERROR_IO, "/nowhere/a.mexit")
        expect(mexit_open(nil, &out), MEXIT_ERROR_USE, "'path'")
        expect(mexit_open("x", nil), MEXIT_ERROR_USE, "'file'")
        expect(mexit_open_memory(bytes, 100, &out), MEXIT_ERROR_FILE, "cannot load")
        expect(mexit_compile(nil, nil, &out), MEXIT_ERROR_USE, "'file'")
        #expect(out == nil)
        let file = try make { mexit_open_memory(bytes, bytes.count, $0) }
        let exits: [Int32] = [3, 1]
        exits.withUnsafeBufferPointer {
            var options = mexit_compile_options(exits: $0.baseAddress, exit_count: 2, progressive: 0)
            expect(mexit_compile(file, &options, &out), MEXIT_ERROR_MODEL, "ascending")
        }
        mexit_close(file)
        var altered = bytes
        altered[altered.count - 1] ^= 1
        let damaged = try make { mexit_open_memory(altered, altered.count, $0) }
        expect(mexit_compile(damaged, nil, &out), MEXIT_ERROR_FILE, "checksum")
        mexit_close(damaged)
        for (text, words) in [("confidence:0.1,0.2", "2 thresholds"), ("exit:9", "exit 9"), ("calibrated:no", "early"), ("x", "kind of policy")] {
            expect(mexit_policy_create(handle, text, &out), MEXIT_ERROR_POLICY, words)
        }
        expect(mexit_policy_create_custom(handle, "x", nil, nil, &out), MEXIT_ERROR_USE, "'leaves'")
        expect(mexit_context_create(handle, 0, 1, &out), MEXIT_ERROR_USE, "slots")
        expect(mexit_context_create(handle, 1, -1, &out), MEXIT_ERROR_USE, "threads")
        expect(mexit_context_measure(context, -1), MEXIT_ERROR_USE, "'runs'")
        var info = mexit_stage_info()
        expect(mexit_model_stage(handle, 5, &info), MEXIT_ERROR_USE, "stage 5")
        withInput([1, 2]) { expect(mexit_classify(context, $0, nil, .max, &answer, nil), MEXIT_ERROR_INPUT, "2 values") }
        withInput(values(1).map { $0 > 1.9 ? .nan : $0 }) { expect(mexit_classify(context, $0, nil, .max, &answer, nil), MEXIT_ERROR_INPUT, "nan") }
        var neither = mexit_input(pixels: nil, values: nil, count: 3072)
        expect(mexit_classify(context, &neither, nil, .max, &answer, nil), MEXIT_ERROR_USE, "either pixels or values")
        try withInput(values(1)) { input in
            expect(mexit_classify(context, input, nil, .max, nil, nil), MEXIT_ERROR_USE, "'answer'")
            expect(mexit_classify_batch(context, input, 1, nil, nil, nil), MEXIT_ERROR_USE, "'answers'")
            let least = compiled.stageCosts[0].macs
            expect(mexit_classify_budget(context, input, 1, Int64(least - 1), MEXIT_BUDGET_EXACT, nil, &answer, nil), MEXIT_ERROR_BUDGET, "\(least)")
            expect(mexit_classify_budget(context, input, 1, -1, MEXIT_BUDGET_EXACT, nil, &answer, nil), MEXIT_ERROR_BUDGET, "negative")
            expect(mexit_classify_budget(context, input, 1, 0, mexit_budget_mode(7), nil, &answer, nil), MEXIT_ERROR_USE, "7")
            // A policy of a model with other exits.
            let two = try open(nil)
            let anytime = try make { mexit_anytime_begin(context, input, .max, $0) }
            expect(mexit_classify(context, input, nil, .max, &answer, nil), MEXIT_ERROR_USE, "slots are in use")
            #expect(mexit_anytime_end(anytime) == MEXIT_OK)
            mexit_model_close(two)
        }
        #expect(mexit_anytime_end(nil) == MEXIT_OK)
        mexit_close(nil)
        mexit_model_close(nil)
        mexit_policy_close(nil)
        mexit_context_close(nil)
    }

    /// The second caller is told, and nothing breaks.
    @Test func twoThreadsInOneContext() async throws {
        struct Shared: @unchecked Sendable { let context: OpaquePointer }
        let handle = try open()
        defer { mexit_model_close(handle) }
        let shared = Shared(context: try make { mexit_context_create(handle, 1, 1, $0) })
        defer { mexit_context_close(shared.context) }
        let expected = Array(try InferenceContext(compiled).anytime(.values(values(1))))[4]
        let sample = values(1)
        let outcomes = await withTaskGroup(of: [UInt32: Int].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    var counts: [UInt32: Int] = [:]
                    sample.withUnsafeBufferPointer { values in
                        var input = mexit_input(pixels: nil, values: values.baseAddress, count: values.count)
                        for _ in 0..<200 {
                            var answer = mexit_answer()
                            let status = mexit_classify(shared.context, &input, nil, .max, &answer, nil)
                            counts[status.rawValue, default: 0] += 1
                            if status == MEXIT_OK, Int(answer.label) != expected.label || answer.confidence != expected.confidence {
                                counts[999, default: 0] += 1
                            }
                        }
                    }
                    return counts
                }
            }
            return await group.reduce(into: [UInt32: Int]()) { $0.merge($1, uniquingKeysWith: +) }
        }
        #expect(Set(outcomes.keys).isSubset(of: [MEXIT_OK.rawValue, MEXIT_ERROR_BUSY.rawValue]))
        #expect(outcomes.values.reduce(0, +) == 800 && outcomes[MEXIT_OK.rawValue, default: 0] > 0)
        var totals = mexit_totals()
        #expect(mexit_context_totals(shared.context, &totals) == MEXIT_OK)
        #expect(totals.samples == Int64(outcomes[MEXIT_OK.rawValue, default: 0]))
    }
}
