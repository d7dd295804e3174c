#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What an answer says, as far as the report needs it.
struct LoadAnswer {
    /// The request's number.
    var id: Int
    /// nil for an error.
    var result: Result?
    /// An error's code.
    var code = ""

    struct Result {
        var label: Int
        var exit: Int
        var macs: Int
        var macsSaved: Int
        /// Nanoseconds that the server says the stages took.
        var compute: Int64
        var isLate: Bool
    }
}

/// What the server says first.
struct LoadReady {
    var model: String
    var shape: [Int]
    var classes: [String]
}

/// One of the server's protocols, from the client's side.
protocol LoadWire {
    /// The server's first message; nil when it is not whole yet.
    mutating func ready(_ input: inout InputBytes) throws -> LoadReady?
    /// Prepares requests: what they carry, and options that all have.
    mutating func prepare(_ samples: LoadSamples, deadline: Double?)
    /// Appends request `id` with sample `index`.
    func append(id: Int, sample index: Int, to out: inout [UInt8])
    /// The next answer; nil when it is not whole yet.
    mutating func answer(_ input: inout InputBytes) throws -> LoadAnswer?
}

/// Bytes that have come and are not yet used.
struct InputBytes {
    private(set) var bytes: [UInt8] = []
    private(set) var start = 0

    mutating func append(_ more: UnsafeRawBufferPointer) {
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: true)
            start = 0
        }
        bytes.append(contentsOf: more)
    }

    var count: Int { bytes.count - start }
    /// What has come, from the first unused byte.
    var unused: ArraySlice<UInt8> { bytes[start...] }
    mutating func use(_ count: Int) { start += count }

    /// Bytes of the first line, without its newline; nil when it is not whole.
    var lineLength: Int? {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, start < bytes.count else { return nil }
            return memchr(base + start, 0x0A, bytes.count - start).map { UnsafeRawPointer($0) - base - start }
        }
    }

    /// The first unused bytes.
    func withUnused<Result>(_ count: Int, _ body: (AnswerLine) throws -> Result) rethrows -> Result {
        try bytes.withUnsafeBytes { try body(AnswerLine(bytes: UnsafeRawBufferPointer(rebasing: $0[start..<start + count]))) }
    }
}
