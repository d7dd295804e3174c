import CMExitKernels
import MExitIR

extension Assembly {
    /// Makes all steps, in the order in which they run.
    ///
    /// - Parameters: per exit, `[batch, K]`: where forward leaves the logits, and backward finds the losses' derivatives.
    func build(logits: [UnsafeMutablePointer<Float>], logitGradients: [UnsafeMutablePointer<Float>]) throws {
        var norms: [Int: BatchNormSteps] = [:]
        var backwards: [Int: () throws -> Void] = [:]
        for item in schedule.forward {
            beginForward(phase: item.phase)
            if item.isSums {
                let steps = try norm(at: item.node)
                try steps?.addStatistics()
                norms[item.node] = steps
            } else if let steps = norms[item.node] {
                steps.addForward()
                backwards[item.node] = steps.addApplication
            } else {
                backwards[item.node] = try addForward(node: item.node)
            }
        }
        for (exit, out) in zip(graph.exits, logits) { addLogits(of: exit, to: out) }
        for item in schedule.backward where plan.needsGradient[item.node] {
            beginBackward(phase: item.phase)
            let norm = norms[item.node]
            if item.isSums || norm == nil {
                for (exit, derivative) in logitGradients.enumerated() where graph.exits[exit].logits == item.node {
                    try addSeed(exit: exit, derivative)
                }
                try addGather(of: item.node)
            }
            if item.isSums { try norm?.addReduction() } else { try backwards[item.node]?() }
        }
    }

    private func norm(at index: Int) throws -> BatchNormSteps? {
        let norm = plan.fusedNorm[index] ?? index
        guard case .batchNorm(let epsilon) = graph.nodes[norm].operation else { return nil }
        return try BatchNormSteps(self, node: index, norm: norm, epsilon: epsilon)
    }

    /// Adds the forward steps of a node other than a batch norm, and returns what adds its backward steps.
    private func addForward(node index: Int) throws -> () throws -> Void {
        switch graph.nodes[index].operation {
        case .input, .batchNorm:
            return {}
        case .conv2d(let conv):
            let steps = try ConvolutionSteps(self, node: index, conv)
            try steps.addForward()
            return steps.addBackward
        case .activation(let activation):
            addForward(activation: activation, node: index)
            return { try self.addBackward(activation: activation, node: index) }
        case .add:
            addForwardSum(node: index)
            return { try self.addBackwardSum(node: index) }
        case .concat:
            try addForwardConcat(node: index)
            return { try self.addBackwardConcat(node: index) }
        case .maxPool(let pool):
            return try addForwardMaxPool(pool, node: index)
        case .averagePool(let pool):
            try addForwardAveragePool(pool, node: index)
            return { try self.addBackwardAveragePool(pool, node: index) }
        case .globalAveragePool:
            addForwardGlobalAveragePool(node: index)
            return { try self.addBackwardGlobalAveragePool(node: index) }
        case .linear:
            let steps = try LinearSteps(self, node: index)
            try steps.addForward()
            return steps.addBackward
        case .flatten:
            addForwardFlatten(node: index)
            return { try self.addBackwardFlatten(node: index) }
        case .upsample:
            addForwardUpsample(node: index)
            return { try self.addBackwardUpsample(node: index) }
        case .resize(let resize):
            addForward(resize, node: index)
            return { try self.addBackward(resize, node: index) }
        }
    }

    private func addLogits(of exit: Exit, to out: UnsafeMutablePointer<Float>) {
        let rows = values.rows(exit.logits)
        let classes = graph.classCount
        bothForward(
            Step { chunk in
                for sample in chunk.first..<chunk.first + chunk.count {
                    (out + sample * classes).update(from: rows[sample], count: classes)
                }
            })
    }

    /// The start of the sweep: the derivative of an exit's loss with respect to its logits.
    private func addSeed(exit: Int, _ derivative: UnsafeMutablePointer<Float>) throws {
        let classes = graph.classCount
        let loss = plan.reach.lossOfExit[exit]
        for target in try targets(of: graph.exits[exit].logits, losses: [loss]) ?? [] {
            addBackward(
                Step { chunk in
                    for sample in chunk.first..<chunk.first + chunk.count {
                        let (from, to) = (derivative + sample * classes, target.rows[sample])
                        if target.accumulate { mexit_axpy_f32(1, from, to, classes) } else { to.update(from: from, count: classes) }
                    }
                })
        }
    }
}
