/// What the network says of one sample, and what that cost.
public struct Answer: Hashable, Sendable {
    /// The exit it was taken from, an index into the graph's exits.
    public var exit: Int
    /// Index of the class with the largest logit.
    public var label: Int
    /// Softmax probability of that class, at the policy's temperature; 1/K ... 1, or 0 when the logits are not all finite.
    public var confidence: Double
    /// `[K]`
    public var logits: [Float]
    /// Stages that were run.
    public var stages: Int
    /// Multiply-adds done, and not done because the sample left early. Their sum is the cost of the whole network.
    public var macs: Int
    public var macsSaved: Int
    public var flops: Int
    public var flopsSaved: Int

    /// The `count` most probable classes, the surest first.
    public func top(_ count: Int, temperature: Double = 1) -> [(label: Int, probability: Double)] {
        let probabilities = softmax(logits, temperature: temperature)
        return probabilities.indices.sorted { (-probabilities[$0], $0) < (-probabilities[$1], $1) }
            .prefix(max(count, 0)).map { ($0, probabilities[$0]) }
    }
}
