/// A training split with its validation images taken out.
public struct TrainingData: Sendable {
    /// The images to train on.
    public let train: DataSet
    /// The images held out of training, to choose epochs, thresholds and hyper-parameters with; nil when none were asked for.
    public let validation: DataSet?
}

extension DataSet {
    /// Holds `count` images out, the same share of every class.
    ///
    /// Which images those are depends on the labels, `count` and `seed` only: a later run with the same three finds the
    /// same images, so that thresholds are never chosen on images the network was trained on. A class gets its share of
    /// `count` rounded down, and the classes with the largest remainders get one more each, those first that keep one to train on.
    ///
    /// - Parameters:
    ///   - count: Images to hold out, at least 0 and fewer than there are.
    ///   - seed: Chooses the images within each class.
    /// - Returns: The remaining and the held-out images, both in their original order.
    /// - Throws: ``DataError`` with code `tooFewImages` when nothing of a class would be left, `badOption` when `count` is negative.
    public func holdingOut(_ count: Int, seed: UInt64) throws -> TrainingData {
        guard count >= 0 else { throw DataError(.badOption, "cannot hold \(count) images out of \(name): at least 0 are needed") }
        if count == 0 { return TrainingData(train: self, validation: nil) }
        guard count < self.count else {
            throw DataError(
                .tooFewImages,
                "cannot hold \(count) validation images out of \(name): it has \(self.count); ask for fewer than that")
        }
        let isHeldOut = chooseHeldOut(labels, classes: classNames.count, count: count, seed: seed)
        let kept = Set(labels.indices.lazy.filter { !isHeldOut[$0] }.map { labels[$0] })
        if let gone = labels.first(where: { !kept.contains($0) }) {
            throw DataError(
                .tooFewImages,
                "cannot hold \(count) validation images out of \(name): none of class '\(classNames[Int(gone)])' would be left to train on; hold out fewer (--validation), or none, or add images")
        }
        return TrainingData(
            train: subset(labels.indices.filter { !isHeldOut[$0] }),
            validation: subset(labels.indices.filter { isHeldOut[$0] }, name: "\(name), \(count) held out"))
    }
}

/// Which images ``DataSet/holdingOut(_:seed:)`` holds out, `[N]`.
///
/// - Parameters:
///   - labels: `[N]`, each below `classes`.
///   - count: 0 ... N.
func chooseHeldOut(_ labels: [Int32], classes: Int, count: Int, seed: UInt64) -> [Bool] {
    var members = [[Int]](repeating: [], count: classes)
    for (index, label) in labels.enumerated() { members[Int(label)].append(index) }

    let total = max(labels.count, 1)
    var shares = members.map { count * $0.count / total }
    let remainders = members.map { count * $0.count % total }
    let byRemainder = members.indices.sorted { (remainders[$0], $1) > (remainders[$1], $0) }
    var left = count - shares.reduce(0, +)
    while left > 0 {
        let canGive = byRemainder.filter { shares[$0] < members[$0].count }
        if canGive.isEmpty { break }
        let keepOne = canGive.filter { shares[$0] + 1 < members[$0].count }
        for label in (keepOne.isEmpty ? canGive : keepOne).prefix(left) {
            shares[label] += 1
            left -= 1
        }
    }

    var isHeldOut = [Bool](repeating: false, count: labels.count)
    for (label, share) in shares.enumerated() {
        var random = CounterRandom(.holdOut, seed: seed, label)
        random.shuffle(&members[label])
        for index in members[label].prefix(share) { isHeldOut[index] = true }
    }
    return isHeldOut
}
