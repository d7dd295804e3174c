// The binary versions of CIFAR-10 and CIFAR-100 (Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009):
// records of one label byte (CIFAR-100: a coarse and a fine one), then 1024 red, 1024 green and 1024 blue bytes, row-major.

/// The official binary files of CIFAR-10 or CIFAR-100.
struct CIFARFiles {
    private static let samples = 3 * 32 * 32

    let directory: String
    let trainFiles: [String]
    let testFiles: [String]
    let namesFile: String
    /// Bytes before the samples; the last of them is the label.
    let labelBytes: Int

    static func cifar10(_ directory: String) -> CIFARFiles {
        CIFARFiles(
            directory: unpacked(directory, "cifar-10-batches-bin"), trainFiles: (1...5).map { "data_batch_\($0).bin" },
            testFiles: ["test_batch.bin"], namesFile: "batches.meta.txt", labelBytes: 1)
    }

    static func cifar100(_ directory: String) -> CIFARFiles {
        CIFARFiles(
            directory: unpacked(directory, "cifar-100-binary"), trainFiles: ["train.bin"], testFiles: ["test.bin"],
            namesFile: "fine_label_names.txt", labelBytes: 2)
    }

    /// The archives unpack to a folder of their own: either that or the folder around it may be named.
    private static func unpacked(_ directory: String, _ inner: String) -> String {
        isFolder("\(directory)/\(inner)") ? "\(directory)/\(inner)" : directory
    }

    func load(test: Bool, name: String) throws -> DataSet {
        let classNames = try readLines("\(directory)/\(namesFile)")
        var labels: [Int32] = []
        var pixels: [UInt8] = []
        let record = labelBytes + Self.samples
        for file in test ? testFiles : trainFiles {
            let path = "\(directory)/\(file)"
            let bytes = try readFile(path, maximumBytes: 1 << 32)
            guard !bytes.isEmpty, bytes.count % record == 0 else {
                throw DataError(
                    .badFileLength,
                    "cannot read '\(path)': it has \(bytes.count) bytes; a whole number of records of \(record) is expected")
            }
            pixels.reserveCapacity(pixels.count + bytes.count)
            for start in stride(from: 0, to: bytes.count, by: record) {
                let label = Int(bytes[start + labelBytes - 1])
                guard label < classNames.count else {
                    throw DataError(
                        .labelOutOfRange,
                        "cannot read '\(path)': record \(start / record) has label \(label); "
                            + "'\(namesFile)' names \(classNames.count) classes, counted from 0")
                }
                labels.append(Int32(label))
                pixels += bytes[(start + labelBytes)..<(start + record)]
            }
        }
        return try DataSet(
            name: name, classNames: classNames, channels: 3, size: ImageSize(height: 32, width: 32), labels: labels, pixels: pixels)
    }
}

/// The lines of a small text file that are not blank.
func readLines(_ path: String) throws -> [String] {
    let lines = String(decoding: try readFile(path, maximumBytes: 1 << 20), as: UTF8.self)
        .split(whereSeparator: \.isNewline)
        .filter { !$0.allSatisfy(\.isWhitespace) }
    guard !lines.isEmpty else { throw DataError(.noClasses, "cannot read class names from '\(path)': it has no line") }
    return lines.map(String.init)
}
