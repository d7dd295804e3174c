import Foundation
import MExitIR
import MExitTraining

/// A network with random weights, which cost the same time as trained ones.
struct Network: Sendable {
    let name: String
    let model: Model

    init(preset: String, classes: Int) throws {
        let graph = try Architectures.preset(named: preset).graph(classes: classes)
        let parameters = try ParameterStore(graph: graph)
        parameters.initialize(seed: 1)
        let channels = graph.inputShape.channels
        name = preset
        model = try Model(
            graph: graph, tensors: parameters.tensors(),
            preprocessing: Preprocessing(mean: [Float](repeating: 0.5, count: channels), std: [Float](repeating: 0.25, count: channels)))
    }

    /// `count` pictures of noise.
    func pictures(_ count: Int) -> [[UInt8]] {
        var random = SystemRandomNumberGenerator()
        return (0..<count).map { _ in (0..<model.graph.inputShape.count).map { _ in UInt8.random(in: .min ... .max, using: &random) } }
    }

    /// Those of networks.txt.
    static let all: [Network] = {
        do {
            guard let file = Bundle.module.url(forResource: "networks", withExtension: "txt") else { fatalError("networks.txt is not in the bundle") }
            return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
                let words = line.split(separator: " ")
                guard words.count == 2, let classes = Int(words[1]) else {
                    fatalError("networks.txt: '\(line)' is not a preset and a number of classes, such as 'msdnet-tiny 10'")
                }
                return try Network(preset: String(words[0]), classes: classes)
            }
        } catch {
            fatalError("networks.txt: \(error)")
        }
    }()
}
