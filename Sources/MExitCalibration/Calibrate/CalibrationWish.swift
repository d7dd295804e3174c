/// What an operating point shall hold.
public enum CalibrationWish: Hashable, Sendable {
    /// The best accuracy at this many multiply-adds per sample, on average.
    case macs(Double)
    /// The least cost at this accuracy, 0 ... 1.
    case accuracy(Double)
    /// The least cost at the accuracy of the last exit minus this much.
    case belowFull(Double)
    /// The least cost that is proved to keep a risk.
    case risk(RiskWish)
    /// This many points (at least 2) from the cheapest to the most accurate.
    case sweep(Int)

    /// The name of the operating point where none is given: `20M`, `accuracy-0.9`, `full-0.003`, `gap-0.01`.
    public var name: String {
        switch self {
        case .macs(let macs): shortCost(macs)
        case .accuracy(let accuracy): "accuracy-\(accuracy)"
        case .belowFull(let gap): gap == 0 ? "full" : "full-\(gap)"
        case .risk(let wish): "\(wish.quantity == .disagreement ? "disagreement" : "gap")-\(wish.limit)"
        case .sweep(let count): "sweep-\(count)"
        }
    }

    /// As the command line has it.
    var description: String {
        switch self {
        case .macs(let macs): "at most \(shortCost(macs)) MACs per sample"
        case .accuracy(let accuracy): "accuracy of at least \(accuracy)"
        case .belowFull(let gap): "accuracy of at least the full network's" + (gap == 0 ? "" : " minus \(gap)")
        case .risk(let wish): "\(wish.quantity.rawValue) of at most \(wish.limit) with confidence \(wish.confidence)"
        case .sweep(let count): "\(count) points from the cheapest to the most accurate"
        }
    }
}

/// A cost with the suffix that leaves the fewest digits, all of them kept: `20M`, `8.25M`, `950k`.
func shortCost(_ macs: Double) -> String {
    for (scale, suffix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] where macs >= scale {
        return trimmed(macs / scale) + suffix
    }
    return trimmed(macs)
}

private func trimmed(_ value: Double) -> String {
    let text = "\((value * 1000).rounded() / 1000)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
