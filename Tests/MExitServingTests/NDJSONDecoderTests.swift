import MExitRuntime
import Testing

@testable import MExitServing

@Suite struct NDJSONDecoderTests {
    private let model: CompiledModel
    private let policy: CheckedPolicy
    private let decoder: NDJSONDecoder

    init() throws {
        model = try TestModels.compiled()
        policy = try CheckedPolicy(.confidence([0.5, 0.5]), for: model)
        decoder = NDJSONDecoder(model: model, limits: RequestLimits(maximumBatch: 3))
    }

    private func code(_ line: String) -> RequestError.Code? {
        guard case .failure(let error) = decoder.decode(Array(line.utf8), policy: policy).request else { return nil }
        return error.code
    }

    private func single(_ line: String) throws -> ClassifyRequest {
        guard case .classify(_, let request) = try decoder.decode(Array(line.utf8), policy: policy).request.get() else {
            throw RequestError(.internal, "not a classify request")
        }
        return request
    }

    @Test func policiesAreReadAndChecked() throws {
        let cases: [(String, ExitPolicy)] = [
            (#"{"kind":"confidence","threshold":0.25}"#, .confidence([0.25, 0.25])),
            (#"{"kind":"confidence","thresholds":[0.5,1]}"#, .confidence([0.5, 1])),
            (#"{"kind":"entropy","threshold":0.5,"temperatures":[1,2,3]}"#, ExitPolicy(.threshold(.entropy, [0.5, 0.5]), temperatures: [1, 2, 3])),
            (#"{"kind":"margin","thresholds":[0,1e-3]}"#, ExitPolicy(.threshold(.margin, [0, 1e-3]))),
            (#"{"kind":"exit","exit":1}"#, .exit(1)), (#"{"kind":"patience","patience":2}"#, ExitPolicy(.patience(2))),
            (#"{"kind":"calibrated","name":"early"}"#, .confidence([0, 0])), (#"{"kind":"last"}"#, .exit(2)),
        ]
        for (json, expected) in cases { #expect(try single(#"{"image":"AAAA","policy":\#(json)}"#).policy.policy == expected) }
        #expect(try single(#"{"image":"AAAA"}"#).policy == policy)
        #expect(try single(#"{"image":"AAAA","policy":null}"#).policy == policy)
        #expect(try single(#"{"image":"AAAA","anytime":true}"#).policy.policy == .exit(2))
    }

    @Test func optionsAreRead() throws {
        let request = try single(#"{"image":"AAAA","top_k":3,"logits":true,"deadline_ms":2.5,"unknown":{"x":[1]}}"#)
        #expect(request.options == AnswerOptions(topK: 3, logits: true))
        #expect(request.deadline == 2_500_000)
        #expect(!request.anytime)
    }

    @Test func everyKindOfMistakeHasItsCode() {
        #expect(code("{") == .badJSON)
        #expect(code("[]") == .badJSON)
        #expect(code("{}") == .badRequest)
        #expect(code(#"{"image":"AAAA","policy":{"kind":"exit","exit":3}}"#) == .unknownPolicy)
        #expect(code(#"{"tensor":"AAAA","dtype":"u8","shape":[1]}"#) == .badInput)
        #expect(code(#"{"batch":[{"image":"A"},{"image":"A"},{"image":"A"},{"image":"A"}]}"#) == .tooLarge)
        #expect(code(#"{"image":"AAAA"}"#) == nil)
    }

    @Test func anErrorKeepsTheIdThatCouldBeRead() {
        #expect(decoder.decode(Array(#"{"oops":1,"id":"x"}"#.utf8), policy: policy).id.wire == Array(#""x""#.utf8))
        #expect(decoder.decode(Array(#"{"id":"x""#.utf8), policy: policy).id == .none)
    }

    @Test func aBudgetIsCappedAtWhatEverythingCosts() throws {
        let whole = model.cumulativeCosts[2].macs
        for (text, expected) in [("1e300", 2 * whole), ("7.9", 7), ("\(whole)", whole)] {
            let line = #"{"batch":[{"image":"A"},{"image":"A"}],"budget_macs":\#(text)}"#
            guard case .batch(let sources, let request) = try decoder.decode(Array(line.utf8), policy: policy).request.get() else {
                Issue.record("not a batch")
                continue
            }
            #expect(sources.count == 2)
            #expect(request.mode == .exact)
            #expect(request.budgetMACs == expected)
        }
    }
}
