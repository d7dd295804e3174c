import MExitIR
import MExitParallel
import MExitTraining
import Testing
import _MExitTestSupport

/// Every operation forward and backward against PyTorch in double precision (tools/fixtures/operations.py).
@Suite struct OperationFixtureTests {
    @Test func everyOperationEqualsPyTorch() throws {
        let fixture = try OperationFixture()
        #expect(Set(fixture.cases.map(\.kind)).count >= 16)
        for test in fixture.cases {
            let graph = try fixture.graph(test)
            let parameters = try ParameterStore(graph: graph, tensors: fixture.tensors(test, graph))
            let network = try TrainingNetwork(parameters: parameters, batch: fixture.batch, pool: WorkerPool(threads: 2))
            network.load(fixture.images(test))
            network.forward(count: fixture.batch, training: false)
            try fixture.check(Array(network.logits(exit: 0)), "\(test.name).eval")
            network.forward(count: fixture.batch, training: true)
            try fixture.check(Array(network.logits(exit: 0)), "\(test.name).train")
            _ = network.logitGradients(exit: 0).update(fromContentsOf: fixture.derivative(test))
            let gradients = try ExitGradients(parameters: parameters)
            network.backward(into: gradients)
            for (t, tensor) in parameters.trainable.enumerated() {
                try fixture.check(Array(gradients.gradient(t, 0)), "\(test.name).gradient.\(tensor.spec.name)")
            }
            let stored = fixture.file.names.filter { $0.hasPrefix("\(test.name).gradient.") }
            #expect(stored.count == parameters.trainable.count, "\(test.name)")
        }
    }
}
