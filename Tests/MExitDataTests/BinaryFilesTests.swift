import Testing
import _MExitTestSupport

@testable import MExitData

@Suite struct CIFARFilesTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// Records whose red, green and blue planes begin with the record's number, and 1 and 2 more.
    private func records(_ numbers: [Int], labels: [[UInt8]]) -> [UInt8] {
        zip(numbers, labels).flatMap { number, label in
            label + (0..<3).flatMap { c in (0..<1024).map { UInt8(truncatingIfNeeded: number + c + $0) } }
        }
    }

    private func writeCIFAR10(names: String = "cat\ndog\nemu\n\n", into prefix: String = "") throws {
        for batch in 1...5 {
            try folder.write(records([2 * batch, 2 * batch + 1], labels: [[UInt8(batch % 3)], [2]]), to: "\(prefix)data_batch_\(batch).bin")
        }
        try folder.write(records([100], labels: [[1]]), to: "\(prefix)test_batch.bin")
        try folder.write(Array(names.utf8), to: "\(prefix)batches.meta.txt")
    }

    private var cifar10: DataSource { DataSource(kind: .cifar10, directory: folder.path) }

    @Test(arguments: ["", "cifar-10-batches-bin/"]) func cifar10Layout(prefix: String) throws {
        try writeCIFAR10(into: prefix)
        let train = try cifar10.load(.train)
        #expect(train.classNames == ["cat", "dog", "emu"])
        #expect(train.labels == [1, 2, 2, 2, 0, 2, 1, 2, 2, 2])
        #expect(train.size == ImageSize(height: 32, width: 32) && train.channels == 3)
        #expect(train.image(3)[0, 0, 0] == 5 && train.image(3)[1, 0, 0] == 6 && train.image(3)[2, 1, 1] == 40)
        let test = try cifar10.load(.test)
        #expect(test.labels == [1] && test.image(0)[2, 0, 0] == 102)
    }

    @Test func cifar100Layout() throws {
        try folder.write(records([3, 9], labels: [[19, 1], [0, 0]]), to: "train.bin")
        try folder.write(records([4], labels: [[19, 1]]), to: "test.bin")
        try folder.write(Array("apple\r\nbear\r\n".utf8), to: "fine_label_names.txt")
        let source = DataSource(kind: .cifar100, directory: folder.path)
        let train = try source.load(.train)
        #expect(train.classNames == ["apple", "bear"] && train.labels == [1, 0])
        #expect(train.image(1)[0, 0, 1] == 10)
        #expect(try source.load(.test).labels == [1])
    }

    @Test func sizeAndClassesOfAModel() throws {
        try writeCIFAR10()
        let small = try cifar10.load(.test, LoadOptions(imageSize: ImageSize(height: 8, width: 6), threads: 2))
        #expect(small.image(0) == (try cifar10.load(.test).image(0).fitted(height: 8, width: 6)))
        _ = try cifar10.load(.test, LoadOptions(classNames: ["cat", "dog", "emu"]))
        for names in [["cat", "emu", "dog"], ["cat", "dog"]] {
            #expect(errorCode { _ = try cifar10.load(.test, LoadOptions(classNames: names)) } == .classMismatch)
        }
    }

    @Test func errors() throws {
        try writeCIFAR10(names: " \n")
        #expect(errorCode { _ = try cifar10.load(.test) } == .noClasses)
        try writeCIFAR10(names: "cat\ndog")
        let label = thrownError { _ = try cifar10.load(.train) }
        #expect(label?.code == .labelOutOfRange && label?.message.contains("data_batch_1.bin': record 1 has label 2") == true)
        try writeCIFAR10()
        for length in [0, 1, 3072, 3074] {
            try folder.write(Array(repeating: 0, count: length), to: "data_batch_3.bin")
            let error = thrownError { _ = try cifar10.load(.train) }
            #expect(error?.code == .badFileLength && error?.message.contains("data_batch_3.bin") == true)
        }
        let missing = thrownError { _ = try DataSource(kind: .cifar100, directory: folder.path).load(.train) }
        #expect(missing?.code == .unreadable && missing?.message.contains("fine_label_names.txt") == true)
    }
}

@Suite struct IDXFilesTests {
    let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var source: DataSource { DataSource(kind: .idx, directory: folder.path) }

    private func images(_ sizes: [Int], _ bytes: [UInt8]) -> [UInt8] { [0, 0, 8, UInt8(sizes.count)] + sizes.flatMap(PNGFixture.big) + bytes }

    private func write(train: [UInt8] = [1, 0, 2], test: [UInt8] = [2]) throws {
        try folder.write(images([3, 2, 4], Array(0..<24)), to: "train-images-idx3-ubyte")
        try folder.write(images([train.count], train), to: "train-labels-idx1-ubyte")
        try folder.write(images([1, 2, 4], Array(100..<108)), to: "t10k-images.idx3-ubyte")
        try folder.write(images([test.count], test), to: "t10k-labels.idx1-ubyte")
    }

    @Test func layout() throws {
        try write()
        let train = try source.load(.train)
        #expect(train.channels == 1 && train.size == ImageSize(height: 2, width: 4))
        #expect(train.labels == [1, 0, 2] && train.classNames == ["0", "1", "2"])
        #expect(train.image(1).pixels == Array(8..<16))
        let test = try source.load(.test)
        #expect(test.labels == [2] && test.classNames == ["0", "1", "2"] && test.image(0)[0, 1, 0] == 104)
        try folder.write(Array("zero\none\ntwo\n".utf8), to: "classes.txt")
        #expect(try source.load(.test).classNames == ["zero", "one", "two"])
    }

    @Test func prefixedNames() throws {
        try folder.write(images([1, 1, 1], [7]), to: "emnist-letters-train-images-idx3-ubyte")
        try folder.write(images([1], [0]), to: "emnist-letters-train-labels-idx1-ubyte")
        #expect(try source.load(.train).image(0).pixels == [7])
        try folder.write(images([1], [0]), to: "emnist-digits-train-labels-idx1-ubyte")
        #expect(errorCode { _ = try source.load(.train) } == .badSource)
    }

    @Test func errors() throws {
        #expect(errorCode { _ = try source.load(.train) } == .unreadable)
        try folder.write([0x1F, 0x8B], to: "train-images-idx3-ubyte.gz")
        #expect(thrownError { _ = try source.load(.train) }?.message.contains("gunzip") == true)
        try write(test: [3])
        #expect(errorCode { _ = try source.load(.test) } == .labelOutOfRange)
        try write(train: [1, 0])
        #expect(errorCode { _ = try source.load(.train) } == .badFileLength)
        try write()
        let bad: [([UInt8], DataError.Code)] = [
            ([], .badFileLength), (Array(images([3, 2, 4], []).dropLast()), .badFileLength), (images([3, 2, 4], Array(0..<23)), .badFileLength),
            (images([3, 8], Array(0..<24)), .badHeader), ([0, 0, 9, 3] + images([3, 2, 4], Array(0..<24))[4...], .badHeader),
            (images([0, 2, 4], []), .badHeader), (images([3, 100_000, 4], []), .badHeader),
            (images([0xFFFF_FFFF, 16384, 16384], []), .badFileLength),
        ]
        for (bytes, code) in bad {
            try folder.write(bytes, to: "train-images-idx3-ubyte")
            let error = thrownError { _ = try source.load(.train) }
            #expect(error?.code == code && error?.message.contains("train-images-idx3-ubyte") == true)
        }
    }
}
