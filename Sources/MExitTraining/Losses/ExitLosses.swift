/// The losses of all exits on one batch, and their derivatives with respect to the logits.
///
/// The loss of exit k is cross-entropy, with label smoothing and with ``Distillation`` where asked for; its gradient is multiplied by
/// the exit's weight.
struct ExitLosses {
    private let crossEntropy: SoftmaxCrossEntropy
    private let distillation: Distillation?
    private let classes: Int
    private let exits: Int

    /// - Throws: ``NetworkError`` or ``TrainingError`` for impossible numbers.
    init(exits: Int, classes: Int, labelSmoothing: Double = 0, distillation: Distillation? = nil) throws {
        crossEntropy = try SoftmaxCrossEntropy(labelSmoothing: labelSmoothing)
        try distillation?.check()
        self.distillation = distillation.flatMap { $0.share > 0 ? $0 : nil }
        self.classes = classes
        self.exits = exits
    }

    /// One exit's loss (not weighted) and hits. Different exits may be asked for on different threads.
    ///
    /// - Parameters:
    ///   - logits: `[N, K]` of any exit.
    ///   - others, share: of mixed images, as in ``SoftmaxCrossEntropy``.
    ///   - weight: of the gradient.
    ///   - gradient: nil, or `[N, K]` to overwrite.
    func callAsFunction(
        exit: Int, logits: (Int) -> UnsafeBufferPointer<Float>, labels: UnsafeBufferPointer<Int32>,
        others: UnsafeBufferPointer<Int32>? = nil, share: Double = 1, weight: Double = 1,
        gradient: UnsafeMutableBufferPointer<Float>?
    ) -> SoftmaxCrossEntropy.Result {
        guard let distillation, exit != exits - 1 else {
            return crossEntropy(
                logits: logits(exit), labels: labels, others: others, share: share, classes: classes, weight: weight, gradient: gradient)
        }
        var result = crossEntropy(
            logits: logits(exit), labels: labels, others: others, share: share, classes: classes,
            weight: weight * (1 - distillation.share), gradient: gradient)
        let divergence = distillation(
            student: logits(exit), teacher: logits(exits - 1), classes: classes, weight: weight * distillation.share, addingTo: gradient)
        result.loss = (1 - distillation.share) * result.loss + distillation.share * divergence
        return result
    }
}
