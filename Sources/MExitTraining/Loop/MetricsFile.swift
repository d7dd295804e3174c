#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
import MExitCheckpoint

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Writes what training does as JSON lines, each with one `write`, so that a reader sees whole lines while training runs.
///
/// Types of lines: `run`, `step` (every tenth of an epoch, and the first), `epoch`, `end`; docs/training.md lists their fields.
public final class MetricsFile: TrainingObserver {
    /// Facts of the `run` line that training itself does not know.
    public struct Facts: Hashable, Sendable, Encodable {
        public var producer: String
        public var command: String
        public var architecture: String
        public var data: String
        public var dataFingerprint: String
        public var classes: Int
        public var parameters: Int
        /// Cumulative per exit, lazy.
        public var macs: [Int]
        public var seed: UInt64
        public var threads: Int

        public init(
            producer: String, command: String, architecture: String, data: String, dataFingerprint: String, classes: Int, parameters: Int,
            macs: [Int], seed: UInt64, threads: Int
        ) {
            self.producer = producer
            self.command = command
            self.architecture = architecture
            self.data = data
            self.dataFingerprint = dataFingerprint
            self.classes = classes
            self.parameters = parameters
            self.macs = macs
            self.seed = seed
            self.threads = threads
        }
    }

    /// Why the last write failed, nil while all is well. Losing metrics is no reason to lose the training.
    public private(set) var failure: String?
    private let path: String
    private let descriptor: Int32
    private let facts: Facts
    private let warn: (String) -> Void
    private let encoder = JSONEncoder()
    /// A line was cut off: the next begins with a line end.
    private var isTorn = false
    private var stepsBetweenLines = 1

    /// Opens the file.
    ///
    /// - Parameters:
    ///   - appending: keep what is there (training resumed) instead of starting anew.
    ///   - warn: told of the first write that fails.
    /// - Throws: ``TrainingError`` with code `notWritable`.
    public init(path: String, facts: Facts, appending: Bool = false, warn: @escaping (String) -> Void = { _ in }) throws {
        self.path = path
        self.facts = facts
        self.warn = warn
        isTorn = appending && MetricsFile.endsWithinLine(path)
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (appending ? 0 : O_TRUNC), 0o666)
        guard descriptor >= 0 else {
            throw TrainingError(.notWritable, "cannot write metrics to '\(path)': \(String(cString: strerror(errno)))")
        }
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }

    deinit { close(descriptor) }

    public func trainingStarted(_ report: RunReport) {
        stepsBetweenLines = max(1, report.stepsPerEpoch / 10)
        write(RunLine(report, facts))
    }

    public func stepEnded(_ report: StepReport) {
        if report.step == 1 || report.step % stepsBetweenLines == 0 { write(StepLine(report)) }
    }

    public func epochEnded(_ report: EpochReport, state: TrainerState) { write(EpochLine(report)) }

    /// The last line.
    ///
    /// - Parameter status: "finished", "interrupted", or "failed" with a message.
    public func end(status: String, message: String? = nil, seconds: Double) {
        write(EndLine(status: status, message: message, seconds: seconds))
    }

    private func write(_ line: some Encodable) {
        do {
            var bytes = try encoder.encode(line)
            if isTorn { bytes.insert(UInt8(ascii: "\n"), at: 0) }
            bytes.append(UInt8(ascii: "\n"))
            try bytes.withUnsafeBytes { try writeAll($0) }
        } catch {
            let isFirst = failure == nil
            failure = "cannot write metrics to '\(path)': \(error)"
            if isFirst, let failure { warn(failure) }
        }
    }

    /// Whether a file's last byte is no line end, as a run that was killed while it wrote leaves it.
    private static func endsWithinLine(_ path: String) -> Bool {
        guard isRegularFile(path), let file = fopen(path, "r") else { return false }
        defer { fclose(file) }
        return fseek(file, -1, SEEK_END) == 0 && fgetc(file) != Int32(UInt8(ascii: "\n"))
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while let start = rest.baseAddress, !rest.isEmpty {
            let count = systemWrite(descriptor, start, rest.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw TrainingError(.notWritable, String(cString: strerror(errno))) }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            isTorn = !rest.isEmpty
        }
    }
}

/// The system call: inside the class `write` means its own method.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int { write(descriptor, bytes, count) }
