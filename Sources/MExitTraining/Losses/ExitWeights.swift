/// How much each exit's loss counts; the gradients are those of the weighted losses. Reported losses are not weighted.
public enum ExitWeights: Hashable, Sendable, CustomStringConvertible {
    /// 1 each, as MSDNet is trained.
    case constant
    /// In proportion to the exit's number counted from 1, with mean 1: later exits count more.
    case linear
    /// One each; 0 leaves an exit out.
    case list([Double])
    /// The ramp of shallow-deep networks: from 0.01 in a straight line up to the exit's share of the last exit's multiply-adds,
    /// reached at the last epoch; the last exit has 1 throughout.
    ///
    /// - Source: Kaya, Hong & Dumitras, Shallow-Deep Networks, ICML 2019 (arXiv:1810.07052). Their code ramps to 0.15 ... 0.9,
    ///   the shares at which their six internal classifiers stand.
    case sdn

    /// Reads `constant`, `linear`, `sdn`, or numbers with commas between; nil for anything else.
    public init?(parsing text: String) {
        switch text {
        case "constant": self = .constant
        case "linear": self = .linear
        case "sdn": self = .sdn
        default:
            let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
            guard numbers.allSatisfy({ $0 != nil }) else { return nil }
            self = .list(numbers.compactMap { $0 })
        }
    }

    /// What ``init(parsing:)`` reads.
    public var description: String {
        switch self {
        case .constant: "constant"
        case .linear: "linear"
        case .sdn: "sdn"
        case .list(let weights): weights.map { "\($0)" }.joined(separator: ",")
        }
    }

    /// - Parameter exits: of the network; nil while it is not known.
    /// - Throws: ``TrainingError`` when a listed weight is negative or not finite, all are 0, or there is not one per exit.
    public func check(exits: Int? = nil) throws {
        guard case .list(let weights) = self else { return }
        guard weights.allSatisfy({ $0.isFinite && $0 >= 0 }), weights.contains(where: { $0 > 0 }) else {
            throw TrainingError(.badOption, "exit weights are \(self); they must be finite numbers of 0 or more, at least one above 0")
        }
        if let exits, weights.count != exits {
            throw TrainingError(.badOption, "\(weights.count) exit weights (\(self)) for a network of \(exits) exits; give one each")
        }
    }

    /// The weights of an epoch.
    ///
    /// - Parameters:
    ///   - macs: cumulative multiply-adds per exit.
    ///   - epoch: from 0.
    public func weights(macs: [Int], epoch: Int, epochs: Int) -> [Double] {
        let count = macs.count
        switch self {
        case .constant: return [Double](repeating: 1, count: count)
        case .linear: return (1...max(count, 1)).map { 2 * Double($0) / Double(count + 1) }
        case .list(let weights): return weights
        case .sdn:
            return macs.enumerated().map { exit, cost in
                if exit == count - 1 { return 1 }
                let share = min(1, Double(cost) / Double(max(1, macs.last ?? 1)))
                return min(share, 0.01 + Double(epoch + 1) * share / Double(max(1, epochs)))
            }
        }
    }
}
