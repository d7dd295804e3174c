import Testing

@testable import MExitData

@Suite struct NormalizationTests {
    @Test func measuredLikePlainLoops() throws {
        let data = try formulaData()
        let measured = try Normalization(measuring: data)
        for c in 0..<3 {
            var values: [Double] = []
            for i in 0..<data.count {
                for y in 0..<4 { for x in 0..<5 { values.append(Double(data.image(i)[c, y, x]) / 255) } }
            }
            let mean = values.reduce(0, +) / Double(values.count)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
            // Half a unit in the last place of a Float below 1, and the rounding of the loops in Double, far smaller.
            #expect(abs(Double(measured.mean[c]) - mean) <= 0x1p-24)
            #expect(abs(Double(measured.std[c]) - variance.squareRoot()) <= 0x1p-24)
        }
        #expect(try Normalization(measuring: data.subset((0..<30).reversed())) == measured)
    }

    @Test func flatChannelsDivideByOne() throws {
        let data = try DataSet(
            name: "", classNames: ["a"], channels: 1, size: ImageSize(height: 1, width: 2), labels: [0, 0], pixels: [51, 51, 51, 51])
        let measured = try Normalization(measuring: data)
        #expect(measured.std == [1] && measured.mean == [0.2])
        #expect(errorCode { _ = try Normalization(measuring: data.subset([])) } == .tooFewImages)
    }

    @Test func writesPixelsAndNothingElse() throws {
        let normalization = try Normalization(mean: [0.5, 0.25, 0.75], std: [0.2, 0.3, 0.1])
        let data = try formulaData(count: 1, height: 3, width: 4)
        let (rowStride, channelStride, origin) = (6, 40, 9)
        var map = [Float](repeating: -99, count: 130)
        map.withUnsafeMutableBufferPointer { buffer in
            data.withPixels(of: 0) {
                normalization.apply(
                    to: $0, height: 3, width: 4, into: buffer.baseAddress! + origin, rowStride: rowStride, channelStride: channelStride)
            }
        }
        var written = Set<Int>()
        for c in 0..<3 {
            for y in 0..<3 {
                for x in 0..<4 {
                    let at = origin + c * channelStride + y * rowStride + x
                    written.insert(at)
                    let exact = (Double(data.image(0)[c, y, x]) / 255 - Double(normalization.mean[c])) / Double(normalization.std[c])
                    // x * scale + offset: three roundings of numbers no larger than 1/std.
                    #expect(abs(Double(map[at]) - exact) <= 3 * 0x1p-24 / Double(normalization.std[c]))
                }
            }
        }
        #expect(written.count == 36)
        for at in map.indices where !written.contains(at) { #expect(map[at] == -99) }
        let dense = normalization.apply(to: data.image(0))
        #expect(dense[1 * 12 + 2 * 4 + 3] == map[origin + channelStride + 2 * rowStride + 3])
    }

    @Test func imagesAreConvertedToTheChannels() throws {
        let grey = try Normalization(mean: [0], std: [1])
        #expect(grey.apply(to: ImageU8(height: 1, width: 1, pixels: [255, 255, 255])) == [1])
        let colour = try Normalization(mean: [0, 0, 0], std: [1, 0.5, 0.25])
        #expect(colour.apply(to: ImageU8(channels: 1, height: 1, width: 1, pixels: [255])).map { ($0 * 1e5).rounded() } == [1e5, 2e5, 4e5])
    }

    @Test func badValues() {
        let bad: [([Float], [Float])] = [
            ([], []), ([0, 0], [1, 1]), ([0, 0, 0], [1]), ([.nan], [1]), ([0], [0]), ([0], [-1]), ([0], [.infinity]), ([0], [1e-20]),
        ]
        for (mean, std) in bad { #expect(errorCode { _ = try Normalization(mean: mean, std: std) } == .badOption) }
    }
}
