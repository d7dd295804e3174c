#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Mixes every image of a batch with another one, and their labels in the same shares. Image i of n meets image n - 1 - i.
///
/// One share is drawn per batch, from Beta(alpha, alpha). With both kinds asked for, each batch takes one of them, evenly.
///
/// - Source: Zhang et al., mixup, ICLR 2018 (arXiv:1710.09412); Yun et al., CutMix, ICCV 2019 (arXiv:1905.04899).
public struct Mixing: Hashable, Sendable {
    /// alpha of mixup, which adds images up: above 0 and at most 1; 0: none.
    public var mixup: Double
    /// alpha of CutMix, which puts a rectangle of one image into the other: above 0 and at most 1; 0: none.
    public var cutmix: Double

    public init(mixup: Double = 0, cutmix: Double = 0) {
        self.mixup = mixup
        self.cutmix = cutmix
    }

    /// - Throws: ``DataError`` with code `badOption` when an alpha is outside 0 ... 1.
    public func check() throws {
        for (name, alpha) in [("mixup", mixup), ("cutmix", cutmix)] where !(alpha >= 0 && alpha <= 1) {
            throw DataError(.badOption, "cannot mix images: alpha of \(name) is \(alpha); it must be 0 ... 1")
        }
    }

    /// What happens to one batch.
    package enum Draw: Hashable {
        case none
        /// own * share + other * (1 - share)
        case blend(share: Double)
        /// The other image in these rows and columns.
        case paste(rows: Range<Int>, columns: Range<Int>, share: Double)

        /// Share of the image's own label.
        package var share: Double {
            switch self {
            case .none: 1
            case .blend(let share), .paste(_, _, let share): share
            }
        }
    }

    /// Draws for one batch; depends on nothing but the arguments.
    package func draw(size: ImageSize, seed: UInt64, epoch: Int, batch: Int) -> Draw {
        guard mixup > 0 || cutmix > 0 else { return .none }
        var random = CounterRandom(.mixing, seed: seed, epoch, batch)
        let pastes = mixup == 0 || (cutmix > 0 && random.next(below: 2) == 1)
        let share = Mixing.share(alpha: pastes ? cutmix : mixup, &random)
        guard pastes else { return .blend(share: share) }
        // A rectangle of the image's shape and 1 - share of its area around a random centre; what falls outside is lost, so
        // the share is counted again.
        func range(_ length: Int) -> Range<Int> {
            let side = Int(Double(length) * (1 - share).squareRoot())
            let centre = random.next(below: length)
            return max(0, centre - side / 2)..<min(length, centre - side / 2 + side)
        }
        let (rows, columns) = (range(size.height), range(size.width))
        return .paste(rows: rows, columns: columns, share: 1 - Double(rows.count * columns.count) / Double(size.height * size.width))
    }

    /// Beta(alpha, alpha) for alpha of at most 1 (Joehnk 1964).
    private static func share(alpha: Double, _ random: inout CounterRandom) -> Double {
        if alpha == 1 { return random.uniform() }
        while true {
            let (u, v) = (random.uniform(), random.uniform())
            let (x, y) = (pow(u, 1 / alpha), pow(v, 1 / alpha))
            if x + y <= 1, x + y > 0 { return x / (x + y) }
            // Powers of a small alpha fall below all numbers; x / (x + y) is then 0 or 1, or taken from their logarithms.
            if x + y == 0, u != v {
                let ratio = (log(v) - log(u)) / alpha
                return 1 / (1 + exp(ratio))
            }
        }
    }
}

extension Mixing.Draw {
    /// Mixes a pair of images in place, each with what the other was. Strides as in ``SampleLoader``.
    package func apply(
        _ first: UnsafeMutablePointer<Float>, _ second: UnsafeMutablePointer<Float>, channels: Int, size: ImageSize, rowStride: Int,
        channelStride: Int
    ) {
        let rows: Range<Int>
        let columns: Range<Int>
        let own: Float
        switch self {
        case .none: return
        case .blend(let share): (rows, columns, own) = (0..<size.height, 0..<size.width, Float(share))
        case .paste(let part, let across, _): (rows, columns, own) = (part, across, 0)
        }
        for c in 0..<channels {
            for y in rows {
                let start = c * channelStride + y * rowStride
                for x in start + columns.lowerBound..<start + columns.upperBound {
                    let (a, b) = (first[x], second[x])
                    first[x] = own * a + (1 - own) * b
                    second[x] = own * b + (1 - own) * a
                }
            }
        }
    }
}
