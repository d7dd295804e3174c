// The IDX files of MNIST and its relatives (LeCun, Cortes and Burges): big-endian 32-bit magic (two zero bytes, 8 for
// unsigned bytes, the number of dimensions), one 32-bit size per dimension, then the bytes, the last dimension fastest.

/// `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and `t10k-...` in one folder, unpacked.
struct IDXFiles {
    private let directory: String

    init(_ directory: String) { self.directory = directory }

    func load(test: Bool, name: String) throws -> DataSet {
        let imagesPath = try find(test ? "t10k-images" : "train-images", "idx3-ubyte", test ? "test-images" : nil)
        let labelsPath = try labelsFile(test: test)
        let (imageSizes, pixels) = try read(imagesPath, dimensions: 3)
        let (_, labels) = try read(labelsPath, dimensions: 1)
        guard imageSizes[0] == labels.count else {
            throw DataError(
                .badFileLength,
                "cannot read '\(labelsPath)': it has \(labels.count) labels for the \(imageSizes[0]) images of '\(imagesPath)'")
        }
        return try DataSet(
            name: name, classNames: classNames(labels), channels: 1,
            size: ImageSize(height: imageSizes[1], width: imageSizes[2]), labels: labels.map(Int32.init), pixels: pixels)
    }

    private func labelsFile(test: Bool) throws -> String {
        try find(test ? "t10k-labels" : "train-labels", "idx1-ubyte", test ? "test-labels" : nil)
    }

    /// `classes.txt`, one name a line; else the numbers up to the largest training label (of `labels` without a training file).
    private func classNames(_ labels: [UInt8]) throws -> [String] {
        let named = "\(directory)/classes.txt"
        if exists(named) { return try readLines(named) }
        let training = try (try? labelsFile(test: false)).map { try read($0, dimensions: 1).bytes } ?? labels
        return (0...Int(training.max() ?? 0)).map(String.init)
    }

    /// The file of a part: relatives of MNIST put a name before (`emnist-letters-`) and some write `.` for the last `-`.
    private func find(_ part: String, _ type: String, _ alternative: String?) throws -> String {
        let names = try listFolder(directory).filter { !$0.isFolder }.map(\.name)
        let suffixes = [part, alternative].compactMap { $0 }.flatMap { ["\($0)-\(type)", "\($0).\(type)"] }
        let found = names.filter { name in suffixes.contains { name == $0 || name.hasSuffix("-\($0)") } }
        if found.count == 1 { return "\(directory)/\(found[0])" }
        if found.count > 1 {
            throw DataError(
                .badSource, "cannot choose the IDX file of '\(directory)': \(found.joined(separator: ", ")); keep one set per folder")
        }
        let packed = names.contains { name in suffixes.contains { name.hasSuffix("\($0).gz") } }
        throw DataError(
            .unreadable, "cannot read '\(directory)/\(part)-\(type)': no such file\(packed ? "; it is packed, gunzip it first" : "")")
    }

    /// The sizes and the bytes of an IDX file of unsigned bytes.
    private func read(_ path: String, dimensions: Int) throws -> (sizes: [Int], bytes: [UInt8]) {
        let bytes = try readFile(path, maximumBytes: 1 << 34)
        let header = 4 + 4 * dimensions
        guard bytes.count >= header else {
            throw DataError(.badFileLength, "cannot read '\(path)': it has \(bytes.count) bytes; its header alone takes \(header)")
        }
        func number(_ at: Int) -> Int { bytes[at..<(at + 4)].reduce(0) { $0 << 8 | Int($1) } }
        let magic = 0x0800 | dimensions
        guard number(0) == magic else {
            throw DataError(
                .badHeader,
                "cannot read '\(path)': its first number is \(number(0)); \(magic) is expected (unsigned bytes, \(dimensions) dimensions)")
        }
        let sizes = (0..<dimensions).map { number(4 + 4 * $0) }
        guard sizes.allSatisfy({ $0 > 0 }), sizes.dropFirst().allSatisfy({ $0 <= 16384 }) else {
            throw DataError(.badHeader, "cannot read '\(path)': its header says \(sizes); sizes are at least 1 and sides at most 16384")
        }
        // At most 2^32 * 2^14 * 2^14 with dimensions 3: fits in 63 bits.
        guard bytes.count == header + sizes.reduce(1, *) else {
            throw DataError(
                .badFileLength,
                "cannot read '\(path)': it has \(bytes.count) bytes; its header says \(sizes), which takes \(header + sizes.reduce(1, *))")
        }
        return (sizes, Array(bytes[header...]))
    }
}
