import MExitCalibration
import MExitData
import MExitIR
import MExitRuntime
import Testing
import _MExitTestSupport

@Suite struct EvaluationTests {
    private static let classes = ["a", "b", "c", "d"]

    private func model() throws -> CompiledModel {
        try CompiledModel(try randomModel(Architectures.preset(named: "msdnet-tiny").graph(classes: 4), seed: 3))
    }

    private func images(_ count: Int) throws -> DataSet {
        var generator = SeededGenerator(seed: 5)
        let pixels = (0..<count * 3 * 32 * 32).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let labels = (0..<count).map { _ in Int32.random(in: 0..<4, using: &generator) }
        return try DataSet(
            name: "noise", classNames: Self.classes, channels: 3, size: ImageSize(height: 32, width: 32), labels: labels, pixels: pixels)
    }

    /// The figures are those of classifying the images one by one.
    @Test func agreesWithOneByOne() throws {
        let model = try model()
        let data = try images(37)
        let context = try InferenceContext(model)
        let answers = try (0..<data.count).map { Array(try context.anytime(.pixels(data.image($0).pixels))) }

        // A threshold that half of the samples pass at the first exit.
        let threshold = answers.map { $0[0].confidence }.sorted()[18]
        let policy = ExitPolicy.confidence(threshold, for: model)
        let budget = 1.2 * Double(model.stageCosts[0].macs)
        let policies = [
            try EvaluatedPolicy(policy, for: model, name: "half"), try EvaluatedPolicy(exactMACs: budget, for: model),
        ]
        var evaluator = try Evaluator(model, policies: policies, samples: 37, batch: 8, threads: 2)
        try evaluator.add(data)
        let anytime = evaluator.anytime
        for exit in anytime.exits {
            let correct = answers.indices.filter { answers[$0][exit.exit].label == data.label(of: $0) }.count
            #expect(exit.correct == correct && exit.samples == 37)
            #expect(exit.accuracy == Double(correct) / 37)
            #expect(exit.macs == model.cumulativeCosts[exit.exit].macs)
            for truth in 0..<4 {
                for label in 0..<4 {
                    let count = answers.indices.filter { answers[$0][exit.exit].label == label && data.label(of: $0) == truth }.count
                    #expect(exit.confusion[truth][label] == count)
                }
            }
            #expect(exit.overthought == answers.indices.filter { isRight($0, exit.exit) && !isRight($0, 4) }.count)
            #expect(exit.firstCorrect == answers.indices.filter { index in isRight(index, exit.exit) && !(0..<exit.exit).contains { isRight(index, $0) } }.count)
            #expect(exit.secondsPerImage > 0)
        }
        func isRight(_ index: Int, _ exit: Int) -> Bool { answers[index][exit].label == data.label(of: index) }
        let solved = answers.indices.filter { index in (0..<5).contains { isRight(index, $0) } }
        #expect(anytime.oracleAccuracy == Double(solved.count) / 37)
        #expect(anytime.overthinking == Double(solved.filter { !isRight($0, 4) }.count) / 37)
        #expect(anytime.wasteful == Double(solved.filter { index in isRight(index, 4) && (0..<4).contains { isRight(index, $0) } }.count) / 37)

        // What calibration sees is what classifying gives, to the bit.
        let logits = try ExitLogits.collect(model, data: data, batch: 8, threads: 2)
        for exit in 0..<5 { #expect(logits.values[exit] == answers.flatMap { $0[exit].logits }) }
        #expect(logits.labels == data.labels && logits.fingerprint == hexadecimal(data.fingerprint()))

        let single = try (0..<data.count).map { try context.classify(.pixels(data.image($0).pixels), policy: policy) }
        let result = evaluator.policies[0]
        #expect(result.policy == "half" && result.samples == 37)
        #expect(result.correct == single.indices.filter { single[$0].label == data.label(of: $0) }.count)
        #expect(abs(result.meanMACs - Double(single.reduce(0) { $0 + $1.macs }) / 37) < 1e-6)
        #expect(abs(result.exits.reduce(0) { $0 + $1.share } - 1) < 1e-12)
        #expect(result.exits[0].share == Double(single.filter { $0.exit == 0 }.count) / 37)
        #expect(abs(result.savedShare - (1 - result.meanMACs / Double(model.cumulativeCosts[4].macs))) < 1e-12)
        #expect(result.imagesPerSecond > 0)
        let reached = result.exits.compactMap { exit in exit.accuracy.map { $0 * exit.share } }
        #expect(abs(reached.reduce(0, +) - result.accuracy) < 1e-12)
        #expect(abs(result.secondsPerImage * result.imagesPerSecond - 1) < 1e-9)

        let exact = evaluator.policies[1]
        #expect(exact.policy.hasPrefix("exact:") && exact.meanMACs <= budget && exact.meanMACs > 0.9 * budget, "\(exact)")

        // In parts of any size the counts are the same; times are not, and an exact budget's windows end where a part ends.
        var inParts = try Evaluator(model, policies: policies, samples: 37, batch: 8, threads: 2)
        let summary = try DataStream(data).forEachPart(bytes: 10 * data.samplesPerImage) { try inParts.add($0) }
        #expect(summary.identity.fingerprint == data.fingerprint() && summary.skipped.isEmpty)
        for (part, whole) in zip(inParts.anytime.exits, anytime.exits) {
            #expect(part.confusion == whole.confusion && part.overthought == whole.overthought && part.firstCorrect == whole.firstCorrect)
            #expect(part.samples == 37 && abs(part.ece - whole.ece) < 1e-12)
        }
        #expect(inParts.policies[0].exits == result.exits && inParts.policies[0].meanMACs == result.meanMACs)
        #expect(inParts.policies[1].samples == 37 && inParts.policies[1].meanMACs <= budget)
        #expect(throws: EvaluationError.self) { try EvaluatedPolicy(exactMACs: 1, for: model) }
    }

    @Test func refusesDataThatDoesNotFit() throws {
        let model = try model()
        func message(_ data: DataSet) -> String {
            do {
                var evaluator = try Evaluator(model, samples: 1)
                try evaluator.add(data)
            } catch { return "\(error)" }
            return ""
        }
        let small = try DataSet(
            name: "small", classNames: Self.classes, channels: 3, size: ImageSize(height: 8, width: 8), labels: [0],
            pixels: Array(repeating: 0, count: 192))
        #expect(message(small).contains("3x8x8") && message(small).contains("3x32x32"))
        let fewer = try DataSet(
            name: "fewer", classNames: ["a", "b"], channels: 3, size: ImageSize(height: 32, width: 32), labels: [0],
            pixels: Array(repeating: 0, count: 3072))
        #expect(message(fewer).contains("2 classes") && message(fewer).contains("4"))
        let empty = try images(1).subset([], name: "empty")
        #expect(message(empty).contains("no images"))
    }
}
