/// What the network says of one sample, and what that cost.
public struct Answer: Hashable, Sendable {
    /// The exit it was taken from, an index into the graph's exits.
    public var exit: Int
    /// Index of the class with the largest logit; where the policy combines exits, of the most probable class.
    public var label: Int
    /// Probability of that class: softmax at the policy's temperature, or the product of experts; 1/K ... 1, or 0 when the logits
    /// are not all finite.
    public var confidence: Double
    /// Of this exit, `[K]`: the same, bit for bit, in every mode.
    public var logits: [Float]
    /// Probability of every class, `[K]`, where the policy combines exits (``ExitCombination/product``); empty otherwise, since it
    /// is the softmax of ``logits`` then.
    public var combined: [Double] = []
    /// Stages that were run.
    public var stages: Int
    /// Multiply-adds done, and not done because the sample left early. Their sum is the cost of the whole network.
    public var macs: Int
    public var macsSaved: Int
    public var flops: Int
    public var flopsSaved: Int

    /// The most probable classes.
    ///
    /// - Parameters:
    ///   - count: how many; all, if there are fewer.
    ///   - temperature: that of the policy at this exit; it does not matter where exits were combined.
    /// - Returns: classes with their probabilities, the surest first, of equal ones the lower index.
    /// - Complexity: O(K log K).
    public func top(_ count: Int, temperature: Double = 1) -> [(label: Int, probability: Double)] {
        let probabilities = combined.isEmpty ? softmax(logits, temperature: temperature) : combined
        return probabilities.indices.sorted { (-probabilities[$0], $0) < (-probabilities[$1], $1) }
            .prefix(max(count, 0)).map { ($0, probabilities[$0]) }
    }
}
