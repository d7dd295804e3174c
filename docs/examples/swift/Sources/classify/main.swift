// Classifies raw pictures (files of C x H x W bytes, channel by channel): by a policy, exit by exit until a deadline, and
// together within a budget.
//
//   swift run -c release --package-path docs/examples/swift classify MODEL.mexit PICTURE.bytes...
import Foundation
import MExitRuntime

/// Leaves where two exits in a row agree and the second is fairly sure.
struct SureTwice: CustomPolicy {
    let name = "sure-twice"
    func leaves(_ sample: ExitView) -> Bool { sample.streak >= 1 && sample.probability >= 0.6 }
}

func show(_ what: String, _ answer: Answer, _ model: CompiledModel) {
    print("\(what): \(model.className(answer.label)) \(answer.confidence) exit \(answer.exit) macs \(answer.macs) saved \(answer.macsSaved)")
}

guard CommandLine.arguments.count >= 3 else {
    FileHandle.standardError.write(Data("usage: classify MODEL.mexit PICTURE.bytes...\n".utf8))
    exit(64)
}
do {
    // Exit 0 can answer while later stages are still being read.
    let model = try CompiledModel.loading(path: CommandLine.arguments[1])
    let context = try InferenceContext(model, slots: 8)
    let inputs = try CommandLine.arguments.dropFirst(2).map { Input.pixels([UInt8](try Data(contentsOf: URL(fileURLWithPath: $0)))) }
    try context.measureStages()

    show("policy", try context.classify(inputs[0], policy: .confidence(0.9, for: model)), model)
    show("own policy", try context.classify(inputs[0], policy: .custom(SureTwice())), model)
    for answer in try context.anytime(inputs[0], deadline: .now + .milliseconds(5)) { show("anytime", answer, model) }

    let budget = Budget.macs(inputs.count * model.cumulativeCosts[0].macs * 3 / 2)
    let batch = try context.classify(batch: inputs, budget: budget)
    print("batch: \(batch.macs) of \(budget.macs) MACs")

    let totals = context.totals
    print("totals: \(totals.samples) samples, \(totals.macs) MACs done, \(totals.macsSaved) saved")
} catch {
    FileHandle.standardError.write(Data("error: \(error)\n".utf8))
    exit(1)
}
