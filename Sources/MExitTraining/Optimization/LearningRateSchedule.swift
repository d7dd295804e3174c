#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The learning rate of every step.
public struct LearningRateSchedule: Hashable, Sendable {
    public enum Shape: Hashable, Sendable {
        /// Times `gamma` at each milestone: below 1 a share of all epochs (rounded, to at least one), else an epoch's number from 0.
        case multistep(milestones: [Double], gamma: Double)
        /// Half a cosine from the full rate down to 0, over the steps behind the warm-up.
        /// - Source: Loshchilov & Hutter, SGDR, ICLR 2017 (arXiv:1608.03983), without restarts.
        case cosine
        /// The full rate throughout, for averages of weights.
        case constant
    }

    /// The full rate.
    public let base: Double
    public let shape: Shape
    /// Epochs (may be a fraction) in which the rate rises in a straight line: step i of n warm-up steps has (i + 1) / n of what the
    /// shape says there.
    public let warmup: Double
    public let epochs: Int
    public let stepsPerEpoch: Int

    /// - Throws: ``TrainingError`` naming the number and its range.
    public init(base: Double, shape: Shape, warmup: Double = 0, epochs: Int, stepsPerEpoch: Int) throws {
        guard base.isFinite, base > 0 else {
            throw TrainingError(.badOption, "learning rate is \(base); it must be a finite number above 0")
        }
        guard epochs >= 1, stepsPerEpoch >= 1 else {
            throw TrainingError(.badOption, "a schedule of \(epochs) epochs of \(stepsPerEpoch) steps; both must be at least 1")
        }
        guard warmup >= 0, warmup <= Double(epochs) else {
            throw TrainingError(.badOption, "warm-up lasts \(warmup) epochs; it must be 0 ... \(epochs), the number of epochs")
        }
        if case .multistep(let milestones, let gamma) = shape {
            guard gamma > 0, gamma <= 1 else {
                throw TrainingError(.badOption, "gamma is \(gamma); it must be above 0 and at most 1")
            }
            guard milestones.allSatisfy({ $0.isFinite && $0 > 0 }), zip(milestones, milestones.dropFirst()).allSatisfy(<) else {
                throw TrainingError(.badOption, "milestones are \(milestones); they must be above 0 and rise (below 1: share of all epochs)")
            }
        }
        self.base = base
        self.shape = shape
        self.warmup = warmup
        self.epochs = epochs
        self.stepsPerEpoch = stepsPerEpoch
    }

    /// The rate of a step, counted from 0 over all epochs.
    public func rate(step: Int) -> Double {
        let total = Double(epochs) * Double(stepsPerEpoch)
        let warm = (warmup * Double(stepsPerEpoch)).rounded()
        let step = Double(step)
        let rise = step < warm ? (step + 1) / warm : 1
        switch shape {
        case .multistep(let milestones, let gamma):
            let epoch = (step / Double(stepsPerEpoch)).rounded(.down)
            let passed = milestones.filter { epoch >= ($0 < 1 ? max(1, ($0 * Double(epochs)).rounded()) : $0) }.count
            return base * pow(gamma, Double(passed)) * rise
        case .cosine:
            let progress = min(1, max(0, step - warm) / max(1, total - warm))
            return base * 0.5 * (1 + cos(.pi * progress)) * rise
        case .constant:
            return base * rise
        }
    }
}
