import CMExitKernels
import MExitIR
import MExitParallel
import MExitTraining
import Testing
import _MExitTestSupport

/// msdnet-tiny forward and backward against PyTorch in double precision (tools/fixtures/msdnet.py).
///
/// A tolerance is 8 times the largest error that PyTorch's own single-precision runs made in the same tensor, but not less than
/// 8 times what they made in the median tensor of its kind, each relative to the tensor's largest entry.
@Suite struct NetworkFixtureTests {
    let fixture: TinyNetworkFixture
    let parameters: ParameterStore
    let network: TrainingNetwork
    let batch: Int

    init() throws {
        fixture = try TinyNetworkFixture()
        parameters = try ParameterStore(graph: fixture.graph, tensors: fixture.tensors())
        batch = try fixture.batch
        network = try TrainingNetwork(parameters: parameters, batch: batch, pool: WorkerPool(threads: 2))
        network.load(fixture.images("", count: batch))
    }

    @Test func logitsAndLossesInEvaluation() throws {
        network.forward(count: batch, training: false)
        try checkLogits("eval")
    }

    @Test func logitsAndLossesInTraining() throws {
        network.forward(count: batch, training: true)
        try checkLogits("train")
    }

    private func checkLogits(_ mode: String) throws {
        let comparison = try Comparison(fixture.file, prefix: "\(mode).logits.")
        #expect(comparison.names.count == fixture.graph.exits.count)
        let entropy = try SoftmaxCrossEntropy()
        let labels = fixture.labels("", count: batch)
        for exit in fixture.graph.exits.indices {
            try comparison.check(Array(network.logits(exit: exit)), "\(mode).logits.\(exit)")
            let loss = labels.withUnsafeBufferPointer {
                entropy(logits: network.logits(exit: exit), labels: $0, classes: fixture.graph.classCount).loss
            }
            // The loss moves by at most twice what a logit moves.
            let expected = try fixture.file.doubles("\(mode).loss.\(exit)")[0]
            let tolerance = 2 * (try comparison.tolerance("\(mode).logits.\(exit)"))
            #expect(abs(loss - expected) <= tolerance, "\(mode) loss of exit \(exit) is \(loss), expected \(expected) within \(tolerance); \(FixtureFile.rebuild)")
        }
    }

    @Test func runningStatisticsAfterOnePass() throws {
        network.forward(count: batch, training: true)
        let tensors = parameters.tensors()
        let comparison = try Comparison(fixture.file, prefix: "updated.")
        #expect(Set(comparison.names) == Set(parameters.statistics.map { "updated." + $0.spec.name }))
        for name in comparison.names { try comparison.check(tensors[String(name.dropFirst(8))] ?? [], name) }
    }

    /// Every gradient of every exit, whole; and no gradient where PyTorch has none.
    @Test func gradientsOfEveryExit() throws {
        let gradients = try ExitGradients(parameters: parameters)
        network.forward(count: batch, training: true)
        network.writeLossGradients(labels: fixture.labels("", count: batch))
        network.backward(into: gradients)
        var compared = 0
        for exit in fixture.graph.exits.indices {
            let comparison = try Comparison(try FixtureFile("msdnet-tiny-gradients-\(exit)"), prefix: "gradient.\(exit).")
            var names: Set<String> = []
            for (t, tensor) in gradients.tensors.enumerated() {
                guard let position = tensor.exits.firstIndex(of: exit) else { continue }
                let name = "gradient.\(exit).\(parameters.trainable[t].spec.name)"
                names.insert(name)
                try comparison.check(Array(gradients.gradient(t, position)), name)
                compared += tensor.count
            }
            #expect(names == Set(comparison.names), "exit \(exit) reaches other tensors than in PyTorch")
        }
        #expect(compared > 800_000)
    }

    /// All exits as one loss: the gradient is the sum of theirs.
    @Test func gradientOfTheSummedLoss() throws {
        let groups = fixture.graph.exits.map { _ in 0 }
        let joint = try TrainingNetwork(parameters: parameters, batch: batch, pool: WorkerPool(threads: 1), groups: groups)
        let gradients = try ExitGradients(parameters: parameters, groups: groups)
        joint.load(fixture.images("", count: batch))
        joint.forward(count: batch, training: true)
        joint.writeLossGradients(labels: fixture.labels("", count: batch))
        joint.backward(into: gradients)
        let files = try fixture.graph.exits.indices.map { try Comparison(try FixtureFile("msdnet-tiny-gradients-\($0)"), prefix: "gradient.\($0).") }
        for (t, tensor) in parameters.trainable.enumerated() {
            var expected = [Double](repeating: 0, count: tensor.count)
            var tolerance = 0.0
            for (exit, file) in files.enumerated() where file.names.contains("gradient.\(exit).\(tensor.spec.name)") {
                for (i, value) in try file.file.doubles("gradient.\(exit).\(tensor.spec.name)").enumerated() { expected[i] += value }
                tolerance += try file.tolerance("gradient.\(exit).\(tensor.spec.name)")
            }
            try assertClose(
                Array(gradients.gradient(t, 0)), expected, within: expected.map { _ in tolerance }, "\(tensor.spec.name); \(FixtureFile.rebuild)")
        }
    }
}

/// Compares tensors with those of a fixture, with tolerances from its record of single-precision errors.
struct Comparison {
    let file: FixtureFile
    let names: [String]
    private let difference: [String: Double]
    private let largest: [String: Double]
    private let medianError: Double

    /// Of the tensors whose names begin so.
    init(_ file: FixtureFile, prefix: String) throws {
        self.file = file
        let names = file.names.filter { $0.hasPrefix(prefix) }
        let difference = try file.metadata("difference", as: [String: Double].self)
        let largest = Dictionary(uniqueKeysWithValues: try names.map { ($0, try file.doubles($0).map(abs).max() ?? 0) })
        let relative = names.map { (difference[$0] ?? 0) / max(largest[$0] ?? 0, Double(Float.leastNormalMagnitude)) }.sorted()
        guard !relative.isEmpty else { throw TestSupportError("fixture '\(file.name)' has no '\(prefix)'; \(FixtureFile.rebuild)") }
        (self.names, self.difference, self.largest) = (names, difference, largest)
        medianError = max(relative[relative.count / 2], Double(Float.ulpOfOne) / 2)
    }

    func tolerance(_ name: String) throws -> Double {
        guard let difference = difference[name], let largest = largest[name] else {
            throw TestSupportError("fixture '\(file.name)' has no '\(name)'; \(FixtureFile.rebuild)")
        }
        return 8 * max(difference, medianError * largest)
    }

    func check(_ actual: [Float], _ name: String) throws {
        let expected = try file.doubles(name)
        let tolerance = try tolerance(name)
        try assertClose(actual, expected, within: expected.map { _ in tolerance }, "\(name); \(FixtureFile.rebuild)")
    }
}

extension TrainingNetwork {
    /// Fills the inputs, one `[C, H, W]` each.
    func load(_ images: [[Float]]) {
        let shape = graph.inputShape
        for (sample, image) in images.enumerated() {
            let target = inputPointer(sample: sample)
            for c in 0..<shape.channels {
                for y in 0..<shape.height {
                    let row = c * Int(inputMap.channel_stride) + y * Int(inputMap.row_stride)
                    for x in 0..<shape.width { target[row + x] = image[(c * shape.height + y) * shape.width + x] }
                }
            }
        }
    }

    /// Cross-entropy of every exit, its gradient written to where `backward` reads it.
    @discardableResult
    func writeLossGradients(labels: [Int32]) -> [Double] {
        graph.exits.indices.map { exit in
            labels.withUnsafeBufferPointer {
                (try? SoftmaxCrossEntropy())?(
                    logits: logits(exit: exit), labels: $0, classes: graph.classCount, gradient: logitGradients(exit: exit)
                ).loss ?? .nan
            }
        }
    }
}
