import MExitIR
import Testing
import _MExitTestSupport

@testable import MExitData

/// Data that come in parts are the data that come at once.
@Suite struct DataStreamTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func png(_ value: UInt8) -> [UInt8] {
        PNGFixture.encode(rows: Array(repeating: Array(repeating: value, count: 24), count: 8), width: 8, .rgb)
    }

    private func source(images: Int, bad: [Int] = []) throws -> DataSource {
        for index in 0..<images {
            let name = "test/\(index % 3 == 0 ? "cat" : "dog")/\(index + 100).png"
            try folder.write(bad.contains(index) ? [1, 2, 3] : png(UInt8(index)), to: name)
        }
        return DataSource(kind: .images, directory: folder.path)
    }

    private let options = LoadOptions(imageSize: ImageSize(height: 8, width: 8), threads: 2)

    @Test(arguments: [1, 3, 7, 100]) func partsAreTheWhole(least: Int) throws {
        let source = try source(images: 14, bad: [4, 5])
        let whole = try source.load(.test, options)
        for stream in [try source.streamTest(options), DataStream(whole)] {
            #expect(stream.classNames == ["cat", "dog"] && stream.name == whole.name)
            var (labels, pixels, sizes) = ([Int32](), [UInt8](), [Int]())
            let summary = try stream.forEachPart(bytes: 1, atLeast: least) { part in
                labels += part.labels
                pixels += (0..<part.count).flatMap { part.image($0).pixels }
                sizes.append(part.count)
            }
            #expect(labels == whole.labels && pixels == (0..<whole.count).flatMap { whole.image($0).pixels })
            #expect(sizes.allSatisfy { (1...least).contains($0) } && (least < 100) == (sizes.count > 1))
            #expect(summary.identity.fingerprint == whole.fingerprint() && summary.identity.count == 12)
            #expect(summary.skipped.map(\.path) == whole.skipped.map(\.path) && summary.skipped.count == 2)
        }
    }

    /// Parts hold as many images as fit into the bytes.
    @Test func bytesLimitParts() throws {
        var sizes: [Int] = []
        _ = try source(images: 11).streamTest(options).forEachPart(bytes: 4 * 192 + 100) { sizes.append($0.count) }
        #expect(sizes == [4, 4, 3])
    }

    @Test func damageIsToldAsWhenLoading() throws {
        // All cats are damaged.
        let source = try source(images: 9, bad: [0, 3, 6])
        var stream = try source.streamTest(options)
        #expect(errorCode { _ = try stream.forEachPart(atLeast: 2) { _ in } } == .emptyClass)
        var refusing = options
        refusing.onBadImage = .refuse
        stream = try source.streamTest(refusing)
        #expect(thrownError { _ = try stream.forEachPart { _ in } }?.message.contains("100.png") == true)
        #expect(errorCode { _ = try DataSource(kind: .images, directory: folder.path + "/none").streamTest(options) } == .unreadable)
    }

    /// Data that the model was trained on are recognised when their pixels are gone.
    @Test func overlapIsSeenInWhatIsLeft() throws {
        let whole = try source(images: 30).load(.test, options)
        let parts = try whole.holdingOut(10, seed: 3)
        let provenance = Provenance(command: "mexit-train --validation 10", seed: 3, dataFingerprint: hexadecimal(parts.train.fingerprint()))
        for (data, isSeen) in [(whole, true), (parts.train, true), (try #require(parts.validation), false)] {
            let summary = try DataStream(data).forEachPart(atLeast: 4) { _ in }
            #expect((provenance.trainingOverlap(with: summary.identity, name: "d") != nil) == isSeen)
        }
    }
}
