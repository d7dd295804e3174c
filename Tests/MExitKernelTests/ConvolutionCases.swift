import _MExitTestSupport

extension ConvolutionCase {
    /// A square case in few words.
    static func square(
        _ inputs: Int, _ outputs: Int, _ size: Int, kernel: Int, stride: Int = 1, pad: Int = 0, groups: Int = 1,
        yHalo: Int = 1
    ) -> ConvolutionCase {
        ConvolutionCase(
            inputs: inputs, outputs: outputs, groups: groups, height: size, width: size, kernel: (kernel, kernel),
            stride: (stride, stride), pad: (pad, pad), yHalo: yHalo)
    }

    /// Layers of the networks that this library is for, with fewer inputs.
    static let layers: [ConvolutionCase] = [
        .square(3, 16, 32, kernel: 3, pad: 1), .square(6, 6, 32, kernel: 3, pad: 1), .square(10, 6, 32, kernel: 1),
        .square(6, 12, 32, kernel: 3, stride: 2, pad: 1), .square(12, 12, 16, kernel: 3, pad: 1),
        .square(24, 24, 8, kernel: 3, pad: 1), .square(40, 24, 8, kernel: 1),
        .square(20, 128, 8, kernel: 3, stride: 2, pad: 1), .square(20, 128, 4, kernel: 3, stride: 2, pad: 1, yHalo: 0),
        .square(24, 80, 7, kernel: 3, pad: 1), .square(64, 100, 1, kernel: 1, yHalo: 0),
        .square(3, 8, 21, kernel: 7, stride: 2, pad: 3), .square(8, 16, 14, kernel: 1, stride: 2),
        .square(16, 16, 12, kernel: 3, pad: 1, groups: 16), .square(16, 16, 13, kernel: 3, stride: 2, pad: 1, groups: 16),
        .square(12, 24, 9, kernel: 3, pad: 1, groups: 4), .square(3, 10, 16, kernel: 4, stride: 4, yHalo: 0),
    ]

    /// More inputs than stay in a first-level cache, and more weights than are run over all pixels together.
    static let large: [ConvolutionCase] = [
        .square(260, 13, 8, kernel: 1), .square(130, 30, 16, kernel: 1), .square(90, 7, 12, kernel: 3, stride: 2, pad: 1),
        .square(150, 64, 5, kernel: 3, pad: 1), .square(150, 64, 9, kernel: 3, stride: 2, pad: 1),
    ]

    /// Every height of a block of output channels, and every number of vectors along a row.
    static let tileEdges: [ConvolutionCase] =
        (1...50).map { .square(2, $0, 5, kernel: 3, pad: 1) }
        + (1...50).map { .square(2, $0, 9, kernel: 3, stride: 2, pad: 1) }
        + (1...70).map { ConvolutionCase(inputs: 2, outputs: 7, height: 2, width: $0, kernel: (1, 3), pad: (0, 1), xHalo: 1) }
        + (1...70).map {
            ConvolutionCase(
                inputs: 2, outputs: 5, height: 3, width: $0, kernel: (2, 2), stride: (1, 2), pad: (1, 1), yHalo: 2)
        }

    /// All combinations of the options of a run, on a shape each for pixels and channels along the vectors.
    static let options: [ConvolutionCase] = (0..<16).flatMap { bits in
        [ConvolutionCase.square(3, 7, 6, kernel: 3, pad: 1), .square(3, 7, 9, kernel: 3, stride: 2, pad: 1)].map {
            var c = $0
            (c.accumulate, c.add, c.relu, c.bias) = (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0, bits & 8 != 0)
            c.samples = 3
            return c
        }
    }

    /// Anything goes, within a budget of work; the seed of a case reproduces it.
    static func random(seed: UInt64) -> ConvolutionCase {
        var g = SeededGenerator(seed: seed)
        while true {
            let groups = Bool.random(using: &g) ? 1 : Int.random(in: 1...4, using: &g)
            var c = ConvolutionCase(
                inputs: groups * Int.random(in: 1...6, using: &g), outputs: groups * Int.random(in: 1...40, using: &g),
                groups: groups, height: Int.random(in: 1...20, using: &g), width: Int.random(in: 1...40, using: &g),
                kernel: (Int.random(in: 1...5, using: &g), Int.random(in: 1...5, using: &g)),
                stride: (Int.random(in: 1...3, using: &g), Int.random(in: 1...3, using: &g)),
                pad: (Int.random(in: 0...3, using: &g), Int.random(in: 0...3, using: &g)),
                dilation: (Int.random(in: 1...2, using: &g), Int.random(in: 1...3, using: &g)), seed: seed)
            if Bool.random(using: &g) { c.stride = (1, 1) }
            c.xHalo = max(c.pad.0, c.pad.1) + Int.random(in: 0...2, using: &g)
            c.yHalo = Int.random(in: 0...2, using: &g)
            c.rowGap = Int.random(in: 0...3, using: &g)
            c.planeGap = Int.random(in: 0...5, using: &g)
            c.samples = Int.random(in: 1...4, using: &g)
            (c.accumulate, c.add) = (Bool.random(using: &g), Bool.random(using: &g))
            (c.relu, c.bias) = (Bool.random(using: &g), Bool.random(using: &g))
            if c.isPossible && c.macs * c.samples < 300_000 { return c }
        }
    }

    static let all: [ConvolutionCase] = layers + large + tileEdges + options + (1...300).map { random(seed: $0) }
}
