import Foundation
import Testing
import _MExitTestSupport

@testable import MExitData

@Suite struct ImageFolderTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func source() -> DataSource { DataSource(kind: .images, directory: folder.path) }

    private func jpeg(_ base: Int, _ height: Int = 8, _ width: Int = 8) throws -> [UInt8] {
        try JPEGFixture.encode(smoothImage(height: height, width: width, base: base))
    }

    private func png(_ value: UInt8) -> [UInt8] {
        PNGFixture.encode(rows: Array(repeating: Array(repeating: value, count: 24), count: 8), width: 8, .rgb)
    }

    /// train: cat 3, dog 2; test: dog 1.
    private func writePets() throws {
        try folder.write(png(30), to: "train/cat/c.png")
        try folder.write(png(10), to: "train/cat/a.png")
        try folder.write(jpeg(20), to: "train/cat/b.JPG")
        try folder.write(jpeg(40), to: "train/dog/x.jpeg")
        try folder.write(png(50), to: "train/dog/deep/y.PNG")
        try folder.write(png(60), to: "test/dog/z.png")
        try folder.write(Array("notes".utf8), to: "train/cat/readme.txt")
        try folder.write([1], to: "train/cat/.hidden.jpg")
        try folder.write([1], to: "train/list.txt")
        try folder.makeFolder("train/.cache")
    }

    @Test(arguments: 1...3) func trainAndTest(threads: Int) throws {
        try writePets()
        let train = try source().load(.train, LoadOptions(threads: threads))
        #expect(train.classNames == ["cat", "dog"])
        #expect(train.labels == [0, 0, 0, 1, 1])
        #expect(train.size == ImageSize(height: 8, width: 8) && train.channels == 3 && train.skipped.isEmpty)
        #expect(train.image(0).pixels.allSatisfy { $0 == 10 })
        #expect(areClose(train.image(1), smoothImage(height: 8, width: 8, base: 20), within: 4))
        #expect(train.image(2).pixels.allSatisfy { $0 == 30 })
        #expect(train.image(3).pixels.allSatisfy { $0 == 50 })  // 'deep/y.PNG' comes before 'x.jpeg'
        let test = try source().load(.test, LoadOptions(threads: threads))
        #expect(test.classNames == ["cat", "dog"] && test.labels == [1])
        #expect(test.image(0).pixels.allSatisfy { $0 == 60 })
    }

    @Test func valCountsAsTest() throws {
        try folder.write(png(1), to: "train/a/1.png")
        try folder.write(png(2), to: "val/a/1.png")
        #expect(try source().load(.test).image(0).pixels[0] == 2)
    }

    @Test func flatFoldersAreTraining() throws {
        try folder.write(png(1), to: "b/1.png")
        try folder.write(png(2), to: "a/1.png")
        let train = try source().load(.train)
        #expect(train.classNames == ["a", "b"] && train.image(0).pixels[0] == 2)
        #expect(errorCode { _ = try source().load(.test) } == .noSplit)
    }

    @Test func testAloneCanBeRead() throws {
        try folder.write(png(1), to: "test/b/1.png")
        #expect(try source().load(.test).classNames == ["b"])
        #expect(errorCode { _ = try source().load(.train) } == .noSplit)
    }

    @Test func classesOfAModelDecideTheLabels() throws {
        try writePets()
        let test = try source().load(.test, LoadOptions(classNames: ["dog", "horse", "cat"]))
        #expect(test.labels == [0] && test.classNames == ["dog", "horse", "cat"])
        let error = thrownError { _ = try source().load(.test, LoadOptions(classNames: ["cat", "horse"])) }
        #expect(error?.code == .classMismatch && error?.message.contains("test/dog") == true)
    }

    @Test func unknownClassInTest() throws {
        try writePets()
        try folder.write(png(1), to: "test/emu/1.png")
        #expect(errorCode { _ = try source().load(.test) } == .classMismatch)
    }

    @Test func badImagesAreNamedAndSkippedOrRefused() throws {
        try writePets()
        try folder.write([], to: "train/cat/empty.jpg")
        try folder.write(Array(jpeg(5).dropLast(9)), to: "train/dog/cut.jpg")
        let train = try source().load(.train, LoadOptions(threads: 2))
        #expect(train.labels == [0, 0, 0, 1, 1])
        #expect(train.skipped.map(\.path) == ["\(folder.path)/train/cat/empty.jpg", "\(folder.path)/train/dog/cut.jpg"])
        #expect(train.skipped.map(\.error.code) == [.unknownFormat, .corruptImage])
        #expect(train.image(2).pixels[0] == 30 && train.image(3).pixels[0] == 50)
        let error = thrownError { _ = try source().load(.train, LoadOptions(onBadImage: .refuse, threads: 2)) }
        #expect(error?.message.contains("train/cat/empty.jpg") == true)
    }

    @Test func aClassWithoutADecodableImageIsAnError() throws {
        try writePets()
        try folder.write([1, 2, 3], to: "train/emu/1.png")
        let error = thrownError { _ = try source().load(.train) }
        #expect(error?.code == .emptyClass && error?.message.contains("emu") == true)
        let alone = try TemporaryFolder()
        try alone.write([1, 2, 3], to: "emu/1.png")
        #expect(errorCode { _ = try DataSource(kind: .images, directory: alone.path).load(.train) } == .emptyClass)
    }

    /// Opening a pipe for reading waits for a writer unless asked not to.
    @Test func pipesAndBrokenLinksAreSkipped() throws {
        try writePets()
        #expect(mkfifo("\(folder.path)/train/cat/pipe.jpg", 0o600) == 0)
        #expect(symlink("nowhere.png", "\(folder.path)/train/dog/link.png") == 0)
        let train = try source().load(.train, LoadOptions(threads: 5000))
        #expect(train.count == 5 && train.skipped.map(\.error.code) == [.unreadable, .unreadable])
        #expect(train.skipped.first?.error.message.contains("pipe.jpg") == true)
    }

    /// Followed, such links would bring in every image again, those of other classes too, until paths are too long.
    @Test func linksBackUpAreLeftAlone() throws {
        try writePets()
        #expect(symlink("..", "\(folder.path)/train/cat/up") == 0)
        #expect(symlink(".", "\(folder.path)/train/dog/deep/self") == 0)
        #expect(symlink("../dog/deep", "\(folder.path)/train/cat/other") == 0)
        // The last one leads to a folder that is not above: its image counts in both classes.
        #expect(try source().load(.train).labels == [0, 0, 0, 0, 1, 1])
    }

    /// Ext4 and its relatives keep any bytes; a file system that refuses them cannot have the problem.
    @Test func namesThatAreNotUTF8AreToldApartFromMissingFiles() throws {
        try writePets()
        let made = folder.path.withCString { path in
            let name: [CChar] = Array(UnsafeBufferPointer(start: path, count: strlen(path))) + "/train/".utf8.map { CChar(bitPattern: $0) } + [-1, 0]
            return mkdir(name, 0o700)
        }
        guard made == 0 else { return }
        let message = thrownError { _ = try source().load(.train) }?.message ?? ""
        #expect(message.contains("not UTF-8"), "\(message)")
    }

    @Test func emptyFolders() throws {
        #expect(errorCode { _ = try source().load(.train) } == .noClasses)
        try folder.makeFolder("train/cat")
        let error = thrownError { _ = try source().load(.train) }
        #expect(error?.code == .emptyClass && error?.message.contains("train/cat") == true)
        let missing = thrownError { _ = try DataSource(kind: .images, directory: "\(folder.path)/no").load(.train) }
        #expect(missing?.code == .unreadable && missing?.message.contains("/no") == true)
        try folder.write([1], to: "file")
        #expect(errorCode { _ = try DataSource(kind: .images, directory: "\(folder.path)/file").load(.train) } == .unreadable)
    }

    @Test func mixedSizesNeedASize() throws {
        try writePets()
        try folder.write(jpeg(20, 12, 9), to: "train/dog/wide.jpg")
        let error = thrownError { _ = try source().load(.train) }
        #expect(error?.code == .mixedSizes && error?.message.contains("wide.jpg") == true && error?.message.contains("12x9") == true)
        let train = try source().load(.train, LoadOptions(imageSize: ImageSize(height: 6, width: 5), threads: 2))
        #expect(train.count == 6 && train.size == ImageSize(height: 6, width: 5))
        // Labels and paths are in order, so the wide image is the second dog: after 'deep/y.PNG'.
        let wide = try ImageDecoder.decode(bytes: jpeg(20, 12, 9)).fitted(height: 6, width: 5)
        #expect(train.image(4) == wide)
        for size in [ImageSize(height: 0, width: 5), ImageSize(height: 5, width: -1), ImageSize(height: 5, width: 1 << 40)] {
            #expect(errorCode { _ = try source().load(.train, LoadOptions(imageSize: size)) } == .badOption)
        }
    }

    @Test func validationSplit() throws {
        for label in ["a", "b"] {
            for i in 0..<10 { try folder.write(png(UInt8(i)), to: "\(label)/\(i).png") }
        }
        let data = try source().loadTraining(LoadOptions(validation: 4, seed: 7))
        #expect(data.train.count == 16 && data.validation?.classCounts == [2, 2])
        let again = try source().load(.validation, LoadOptions(validation: 4, seed: 7, threads: 2))
        #expect(again.fingerprint() == data.validation?.fingerprint())
        #expect(errorCode { _ = try source().load(.validation) } == .noSplit)
        #expect(errorCode { _ = try source().loadTraining(LoadOptions(validation: 20)) } == .tooFewImages)
    }
}

@Suite struct DataSourceTests {
    @Test func kindAndFolder() throws {
        let source = try DataSource(parsing: "cifar10:some/dir:with colon")
        #expect(source.kind == .cifar10 && source.directory == "some/dir:with colon")
        #expect("\(source)" == "cifar10:some/dir:with colon")
    }

    @Test(arguments: ["photos", "jpegs:photos", "images:", ":photos", ""]) func malformed(text: String) {
        let error = thrownError { _ = try DataSource(parsing: text) }
        #expect(error?.code == .badSource && error?.message.contains("'\(text)'") == true)
    }
}
