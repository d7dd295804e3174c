import MExitIR

/// The images that a model's training held out: which they are follows from their number and a seed.
public struct HeldOut: Hashable, Sendable {
    public var count: Int
    public var seed: UInt64

    public init(count: Int, seed: UInt64) {
        self.count = count
        self.seed = seed
    }

    /// What the provenance says: the seed, and the number behind `--validation` in the command that trained the model.
    ///
    /// - Returns: nil when the command names no number above 0.
    public init?(_ provenance: Provenance) {
        let words = provenance.command.split(whereSeparator: \.isWhitespace)
        guard let flag = words.lastIndex(of: "--validation"), words.indices.contains(flag + 1), let count = Int(words[flag + 1]), count > 0
        else { return nil }
        self.init(count: count, seed: provenance.seed)
    }
}

extension Provenance {
    /// Why `data` must not choose thresholds or be reported on: the model was trained on it. Nil when no sign of that is seen.
    ///
    /// The fingerprint is compared with the data's own, and with that of the data without the images held out: somebody may
    /// have given the whole folder that the training split came from.
    package func trainingOverlap(with data: DataSet, threads: Int = 1) -> String? {
        dataFingerprint.isEmpty ? nil : trainingOverlap(with: DataIdentity(data, threads: threads), name: data.name)
    }

    /// As ``trainingOverlap(with:threads:)``, for data whose pixels are gone.
    package func trainingOverlap(with data: DataIdentity, name: String) -> String? {
        guard !dataFingerprint.isEmpty else { return nil }
        if hexadecimal(data.fingerprint) == dataFingerprint {
            return "\(name) is what the model was trained on (fingerprint \(dataFingerprint))"
        }
        guard let held = HeldOut(self), held.count < data.count else { return nil }
        let isHeldOut = chooseHeldOut(data.labels, classes: data.classCount, count: held.count, seed: held.seed)
        guard hexadecimal(data.fingerprint(where: { !isHeldOut[$0] })) == dataFingerprint else { return nil }
        return "\(name) holds the \(data.count - held.count) images that the model was trained on (fingerprint \(dataFingerprint))"
    }
}

/// 16 digits, as fingerprints are written everywhere.
package func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
}
