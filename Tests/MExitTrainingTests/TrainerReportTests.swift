import MExitData
import Testing

@testable import MExitTraining

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct TrainerReportTests {
    private let facts = MetricsFile.Facts(
        producer: "test", command: "train", architecture: "micro", data: "textures", dataFingerprint: "0", classes: 3, parameters: 10,
        macs: [1, 2], seed: 5, threads: 1)

    private func train(_ observers: [any TrainingObserver]) throws {
        let data = try texturePictures(count: 60).holdingOut(12, seed: 3)
        let options = TrainingOptions(epochs: 2, batchSize: 4, seed: 1)
        _ = try Trainer(graph: try microNetwork(), data: data, options: options, threads: 1).run(observers: observers)
    }

    /// Every field that a line may have in this test; unknown ones would go unnoticed, missing ones not.
    private struct Line: Decodable {
        var type: String
        var epoch, step, epochs, training_images, validation_images, steps_per_epoch: Int?
        var lr, images_per_second, gradient_norm, seconds: Double?
        var loss, train_accuracy, validation_accuracy, validation_loss: [Double]?
        var macs: [Int]?
        var status, data_fingerprint: String?
        var conflicts: [Block]?
        struct Block: Decodable {
            var block: String
            var pairs: [Pair]
        }
        struct Pair: Decodable {
            var exits: [Int]
            var seen, conflicts: Int
            var mean_cosine: Double
        }
    }

    @Test func metricsAreLinesOfJSON() throws {
        let path = FileManager.default.temporaryDirectory.path + "/mexit-metrics-\(UInt64.random(in: 0 ... .max)).jsonl"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let metrics = try MetricsFile(path: path, facts: facts)
        try train([metrics])
        metrics.end(status: "finished", seconds: 1.5)
        #expect(metrics.failure == nil)
        let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        #expect(text.last == "\n")
        let lines = try text.split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        #expect(lines.first?.type == "run" && lines.last?.type == "end")
        #expect(lines[0].training_images == 48 && lines[0].validation_images == 12 && lines[0].steps_per_epoch == 12)
        #expect(lines[0].macs == [1, 2] && lines[0].data_fingerprint == "0")
        let steps = lines.filter { $0.type == "step" }
        #expect(steps.count == 24 && steps.allSatisfy { $0.loss?.count == 2 && ($0.gradient_norm ?? 0) > 0 && $0.lr != nil })
        let epochs = lines.filter { $0.type == "epoch" }
        #expect(epochs.map(\.epoch) == [1, 2])
        for epoch in epochs {
            #expect(epoch.loss?.count == 2 && epoch.train_accuracy?.count == 2 && epoch.validation_accuracy?.count == 2)
            #expect(epoch.validation_loss?.count == 2 && (epoch.images_per_second ?? 0) > 0)
            #expect(epoch.conflicts?.map(\.block) == ["first"])
            #expect(epoch.conflicts?.first?.pairs.first?.exits == [0, 1] && epoch.conflicts?.first?.pairs.first?.seen == 36)
        }
        #expect(lines.last?.status == "finished" && lines.last?.seconds == 1.5)

        // A resumed run keeps what is there.
        let more = try MetricsFile(path: path, facts: facts, appending: true)
        more.end(status: "interrupted", seconds: 1)
        let longer = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path)), as: UTF8.self)
        #expect(longer.hasPrefix(text) && longer.count > text.count)
    }

    @Test func metricsThatCannotBeWrittenAreAnErrorAtOnce() {
        for path in ["/nonexistent/metrics.jsonl", "/"] {
            let error = #expect(throws: TrainingError.self) { try MetricsFile(path: path, facts: facts) }
            #expect(error?.message.contains("'\(path)'") == true)
        }
    }

    @Test func aPlainLogHasOneLinePerEpochAndNoControlCharacters() throws {
        var text = ""
        try train([ProgressReporter(isTerminal: false) { text += $0 }])
        let lines = text.split(separator: "\n")
        #expect(lines.count == 2, "\(text)")
        #expect(lines[0].hasPrefix("epoch 1/2  lr ") && lines[1].contains("validation ") && lines[1].contains(" images/s"))
        #expect(!text.contains("\r") && !text.contains("\u{1B}"))
    }

    @Test func theBarShowsShareLossAndTimeLeft() throws {
        var text = ""
        var time = 0.0
        let reporter = ProgressReporter(isTerminal: true, now: { time }, write: { text += $0 })
        reporter.trainingStarted(
            RunReport(epochs: 2, stepsPerEpoch: 10, batchSize: 8, trainingImages: 80, validationImages: 0, firstStep: 0))
        for step in 1...5 {
            time += 1
            reporter.stepEnded(StepReport(epoch: 1, step: step, learningRate: 0.1, loss: [2, 4], gradientNorm: 1, images: 8))
        }
        let last = text.split(separator: "\r").last ?? ""
        #expect(last == "epoch 1/2  [==========          ]  50 %  8 images/s  loss 3.0000  0:15 left\u{1B}[K")
        text = ""
        reporter.closeBar()
        reporter.closeBar()
        #expect(text == "\r\u{1B}[K")
        #expect(ProgressReporter.duration(3661) == "1:01:01" && ProgressReporter.duration(.nan) == "?")
    }
}
