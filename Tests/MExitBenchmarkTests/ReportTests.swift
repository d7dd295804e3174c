import Foundation
import MExitCommand
import MExitIR
import Testing

@testable import MExitBenchmark

@Suite struct ReportTests {
    private func report() throws -> BenchmarkReport {
        let plan = try BenchmarkPlan(
            batches: [1, 4], threads: [1, 2], comparesKernels: true, measuresTraining: true, settings: Fixtures.settings())
        return try plan.run(try Fixtures.small())
    }

    @Test func everyCombinationIsMeasuredAndRecorded() throws {
        let report = try report()
        let text = try jsonText(report)
        let json = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let runs = try #require(json["runs"] as? [[String: Any]])
        let sizes = runs.map { [$0["batch"] as? Int, $0["threads"] as? Int] }
        #expect(sizes == [[1, 1], [4, 1], [1, 2], [4, 2]])
        for run in runs {
            let exits = try #require(run["exits"] as? [[String: Any]])
            #expect(exits.map { $0["exit"] as? Int } == [0, 1])
            for exit in exits {
                let time = try #require(exit["time"] as? [String: Any])
                #expect((time["seconds"] as? [Double])?.count == 3)
            }
            #expect((run["steps"] as? [Any])?.isEmpty == false && (run["kernels"] as? [Any])?.isEmpty == false)
        }
        let machine = try #require(json["machine"] as? [String: Any])
        #expect((machine["cpu"] as? String)?.isEmpty == false && (machine["processors"] as? Int ?? 0) >= 1)
        let network = try #require(json["network"] as? [String: Any])
        #expect(network["name"] as? String == "small" && network["is_trained"] as? Bool == false)
        #expect((network["slot_floats"] as? Int ?? 0) >= (network["least_slot_floats"] as? Int ?? .max))
        let peaks = try #require(json["peaks"] as? [[String: Any]])
        #expect(peaks.contains { $0["threads"] as? Int == 2 } && peaks.contains { $0["isa"] as? String == "scalar" })
        #expect((json["settings"] as? [String: Any])?["repetitions"] as? Int == 3)
    }

    @Test func theTextShowsExitsKernelsAndSteps() throws {
        let report = try report()
        let text = report.text()
        for word in ["small (random weights): 2 exits", "batch 4, 2 threads", "% peak", "picked", "training batch", "mexit_conv2d_f32_"] {
            #expect(text.contains(word), "\(word)")
        }
        #expect(!text.contains("stem.relu") && report.text(listsSteps: true).contains("stem.relu"))
    }

    @Test func aPickLagsBeyondTheToleranceOnly() throws {
        let report = try report()
        let worst = try #require(report.kernels?.map(\.slowdown).max())
        #expect(report.laggingPicks(tolerance: worst - 1).isEmpty)
        #expect(report.laggingPicks(tolerance: worst - 1 - 1e-9).contains { $0.slowdown == worst })
    }

    @Test func trainingStepsAreJointAndDeconflicted() throws {
        let graph = try Fixtures.small().model.graph
        let result = try TrainingResult(graph: graph, batch: 4, threads: 1, settings: BenchmarkSettings(repetitions: 9, warmups: 2))
        for step in [result.joint, result.deconflicted] {
            #expect(step.time.seconds.count == 9 && step.time.minimum > 0)
            #expect(abs(step.imagesPerSecond - 4 / step.time.median) <= 1e-9 * step.imagesPerSecond)
            // 4 classes, fresh weights: near log 4, and it moves.
            #expect(step.firstLoss.isFinite && step.lastLoss != step.firstLoss)
        }
        #expect(result.joint.firstLoss == result.deconflicted.firstLoss, "both start from the same weights and images")
        #expect(result.ratio == result.deconflicted.time.median / result.joint.time.median)
    }

    @Test func allMethodsAreTimed() throws {
        let graph = try Fixtures.small().model.graph
        let result = try TrainingResult(graph: graph, batch: 4, threads: 1, rivals: true, settings: BenchmarkSettings(repetitions: 3, warmups: 1))
        let rivals = try #require(result.rivals)
        #expect(rivals.count == 5 && Set(rivals.map(\.options)).count == 5)
        for rival in rivals {
            #expect(rival.step.time.seconds.count == 3 && rival.ratio == rival.step.time.median / result.joint.time.median)
            #expect(rival.step.lastLoss.isFinite && rival.step.lastLoss != rival.step.firstLoss)
        }
        // What distinguishes them changes what is learned.
        #expect(Set(rivals.map(\.step.lastLoss) + [result.joint.lastLoss]).count >= 5)
    }

    @Test func unknownExitsAreRefused() throws {
        let plan = try BenchmarkPlan(exits: [2], batches: [1], threads: [1], settings: Fixtures.settings())
        #expect(throws: GraphError.self) { try plan.run(try Fixtures.small()) }
    }
}
