import Testing

@testable import MExitData

/// N images of C x H x W whose samples follow from a formula, labels 0, 1, 2, 0, ...
func formulaData(count: Int = 30, channels: Int = 3, height: Int = 4, width: Int = 5, classes: Int = 3) throws -> DataSet {
    let perImage = channels * height * width
    return try DataSet(
        name: "formula", classNames: (0..<classes).map { "class \($0)" }, channels: channels, size: ImageSize(height: height, width: width),
        labels: (0..<count).map { Int32($0 % classes) },
        pixels: (0..<(count * perImage)).map { UInt8(truncatingIfNeeded: 1 + $0 &* 37 &+ ($0 / 11) &* 101) })
}

@Suite struct DataSetTests {
    @Test func validation() throws {
        let size = ImageSize(height: 1, width: 2)
        func make(_ labels: [Int32], _ pixels: [UInt8], channels: Int = 1, names: [String] = ["a", "b"]) throws {
            _ = try DataSet(name: "d", classNames: names, channels: channels, size: size, labels: labels, pixels: pixels)
        }
        try make([0, 1], [1, 2, 3, 4])
        #expect(errorCode { try make([0, 2], [1, 2, 3, 4]) } == .labelOutOfRange)
        #expect(errorCode { try make([-1, 1], [1, 2, 3, 4]) } == .labelOutOfRange)
        #expect(errorCode { try make([0, 1], [1, 2, 3]) } == .badFileLength)
        #expect(errorCode { try make([0], [1, 2, 3, 4], channels: 2) } == .badOption)
        #expect(errorCode { try make([], [], names: []) } == .noClasses)
        for side in [0, -1, 1 << 40, Int.max] {
            let size = ImageSize(height: side, width: side)
            let code = errorCode { _ = try DataSet(name: "d", classNames: ["a"], channels: 1, size: size, labels: [0], pixels: [1]) }
            #expect(code == .badOption)
        }
    }

    @Test func subsetsShareTheOrderAsked() throws {
        let data = try formulaData()
        let subset = data.subset([7, 2, 2])
        #expect(subset.labels == [1, 2, 2] && subset.image(0) == data.image(7) && subset.image(2) == data.image(2))
        #expect(subset.subset([1]).image(0) == data.image(2))
    }

    @Test func holdOutIsStratifiedAndSeeded() throws {
        // 40, 30, 20 and 10 of four classes, in mixed order.
        let labels = (0..<100).map { i in Int32([0, 1, 0, 2, 1, 0, 3, 1, 2, 0][i % 10]) }
        let data = try DataSet(
            name: "d", classNames: ["a", "b", "c", "d"], channels: 1, size: ImageSize(height: 1, width: 1), labels: labels,
            pixels: (0..<100).map { UInt8($0) })
        for count in [1, 3, 10, 37, 96] {
            let parts = try data.holdingOut(count, seed: 5)
            let held = try #require(parts.validation)
            func ids(_ set: DataSet) -> [UInt8] { (0..<set.count).map { set.image($0).pixels[0] } }
            #expect(held.count == count && Set(ids(held)).union(ids(parts.train)).count == 100)
            #expect(ids(held) == ids(held).sorted() && ids(parts.train) == ids(parts.train).sorted())
            for (label, total) in [40, 30, 20, 10].enumerated() {
                #expect(abs(Double(held.classCounts[label]) - Double(count * total) / 100) < 1)
            }
            #expect(ids(try #require(data.holdingOut(count, seed: 5).validation)) == ids(held))
        }
        #expect(try data.holdingOut(30, seed: 5).validation?.fingerprint() != data.holdingOut(30, seed: 6).validation?.fingerprint())
        #expect(try data.holdingOut(0, seed: 5).validation == nil)
        #expect(errorCode { _ = try data.holdingOut(100, seed: 5) } == .tooFewImages)
        #expect(errorCode { _ = try data.holdingOut(-1, seed: 5) } == .badOption)
    }

    /// The largest remainders belong to small classes, which would lose their only image.
    @Test func holdingOutLeavesSomeOfEachClass() throws {
        func data(_ counts: [Int]) throws -> DataSet {
            let labels = counts.enumerated().flatMap { [Int32](repeating: Int32($0), count: $1) }
            return try DataSet(
                name: "d", classNames: counts.indices.map { "class \($0)" }, channels: 1, size: ImageSize(height: 1, width: 1), labels: labels,
                pixels: labels.indices.map { UInt8($0) })
        }
        #expect(try data([20, 1, 1]).holdingOut(19, seed: 1).validation?.classCounts == [19, 0, 0])
        #expect(try data([8, 2, 1, 0]).holdingOut(5, seed: 1).train.classCounts == [4, 1, 1, 0])
        for (counts, held) in [([20, 1, 1], 20), ([20, 1, 1], 21), ([Int](repeating: 1, count: 12), 1)] {
            let error = #expect(throws: DataError.self) { try data(counts).holdingOut(held, seed: 1) }
            #expect(error?.code == .tooFewImages && error?.message.contains("none of class 'class ") == true, "\(String(describing: error))")
        }
    }

    @Test func fingerprint() throws {
        let size = ImageSize(height: 1, width: 2)
        func make(_ labels: [Int32], _ pixels: [UInt8], _ size: ImageSize) throws -> UInt64 {
            try DataSet(name: "", classNames: ["a", "b"], channels: 1, size: size, labels: labels, pixels: pixels).fingerprint()
        }
        let base = try make([0, 1], [1, 2, 3, 4], size)
        // Computed apart, from the definition in the documentation (FNV-1a, 64 bits, in Python).
        #expect(base == 0xca83f01f24da8fb6)
        let others = [
            try make([1, 0], [1, 2, 3, 4], size), try make([0, 1], [1, 2, 3, 5], size), try make([0, 1], [3, 4, 1, 2], size),
            try make([0, 1], [1, 2, 3, 4], ImageSize(height: 2, width: 1)),
        ]
        #expect(Set(others + [base]).count == 5)
        let data = try formulaData()
        #expect(data.fingerprint(threads: 1) == data.fingerprint(threads: 3))
    }

    @Test func fittingEveryImage() throws {
        let data = try formulaData(height: 9, width: 7)
        let fitted = try data.fitted(to: ImageSize(height: 4, width: 4), threads: 2)
        for i in 0..<data.count { #expect(fitted.image(i) == data.image(i).fitted(height: 4, width: 4)) }
        #expect(fitted.labels == data.labels)
    }

    /// Compiles only while the types that threads share are `Sendable`.
    @Test func sharedTypesAreSendable() {
        func check<T: Sendable>(_: T.Type) {}
        check(DataSet.self)
        check(SampleLoader.self)
        check(BatchSampler.self)
        check(DataSource.self)
        check(ImageU8.self)
        check(DataError.self)
    }
}
