import MExitIR
import MExitParallel
import MExitTraining
import Testing
import _MExitTestSupport

/// Ten steps of SGD, plain and with deconfliction, against the losses that PyTorch had in double precision.
///
/// Errors grow from step to step, faster where a ReLU's input changes sign; what PyTorch's own single-precision runs lose at a step
/// is the measure. The fixture's generator makes sure that another weight decay, momentum or combination of gradients shows.
@Suite struct TrainingFixtureTests {
    @Test(arguments: [DeconflictionOptions.Method.none, .project])
    func lossesOfTenSteps(method: DeconflictionOptions.Method) throws {
        struct Numbers: Decodable {
            var lr: Double
            var momentum: Double
            var weight_decay: Double
        }
        let fixture = try TinyNetworkFixture()
        let numbers = try fixture.file.metadata("sgd", as: Numbers.self)
        let batch = try fixture.file.metadata("step_batch", as: Int.self)
        let steps = try fixture.file.metadata("steps", as: Int.self)
        let expected = try fixture.file.doubles("training.losses.\(method.rawValue)")
        let differences = try fixture.file.metadata("training_difference", as: [String: [Double]].self)[method.rawValue] ?? []
        let exits = fixture.graph.exits.count
        #expect(steps == 10 && expected.count == steps * exits && differences.count == steps)

        let pool = WorkerPool(threads: 2)
        let groups = method == .none ? [Int](repeating: 0, count: exits) : nil
        let parameters = try ParameterStore(graph: fixture.graph, tensors: fixture.tensors())
        let network = try TrainingNetwork(parameters: parameters, batch: batch, pool: pool, groups: groups)
        let gradients = try ExitGradients(parameters: parameters, groups: groups)
        let deconfliction = try GradientDeconfliction(
            parameters: parameters, gradients: gradients, options: DeconflictionOptions(method: method))
        let sgd = try SGD(parameters: parameters, options: SGDOptions(momentum: numbers.momentum, weightDecay: numbers.weight_decay))
        var worst = 0.0
        for step in 0..<steps {
            network.load(fixture.images(".step\(step)", count: batch))
            network.forward(count: batch, training: true)
            let losses = network.writeLossGradients(labels: fixture.labels(".step\(step)", count: batch))
            worst = max(worst, differences[step])
            for exit in 0..<exits {
                let truth = expected[step * exits + exit]
                // A loss of one step may be near by luck: errors do not shrink, so take the largest so far.
                let tolerance = 8 * max(worst, Double(Float.ulpOfOne) * truth)
                #expect(
                    abs(losses[exit] - truth) <= tolerance,
                    "\(method.rawValue), step \(step), exit \(exit): loss \(losses[exit]), expected \(truth) within \(tolerance); \(FixtureFile.rebuild)")
            }
            network.backward(into: gradients)
            _ = deconfliction.measure(gradients, pool: pool)
            for t in parameters.trainable.indices {
                guard let gradient = deconfliction.combined(t, in: gradients) else { continue }
                sgd.step(t, gradient: gradient, rate: numbers.lr)
            }
        }
    }
}
