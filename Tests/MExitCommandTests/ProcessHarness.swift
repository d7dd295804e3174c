#if canImport(Glibc)
    @preconcurrency import Glibc
#elseif canImport(Musl)
    @preconcurrency import Musl
#else
    import Darwin
#endif
import Foundation
import MExitParallel
import Synchronization

/// One of the package's commands as a real process, with real pipes.
final class ChildProcess {
    /// The process, until ``wait(seconds:)`` has reaped it.
    private(set) var identifier: pid_t = 0
    /// Our ends of its stdin and stdout; -1 when closed.
    private(set) var input: Int32 = -1
    private(set) var output: Int32 = -1
    private let errors: URL
    private var pending: [UInt8] = []
    private var status: Int32?

    struct Failure: Error, CustomStringConvertible { let description: String }

    /// Starts a command that lies beside the test binary.
    ///
    /// - Parameter environment: set in addition to this process's.
    init(_ tool: String, _ arguments: [String], environment: [String: String] = [:]) throws {
        ignoreClosedPipes()
        errors = FileManager.default.temporaryDirectory.appendingPathComponent("mexit-stderr-\(UUID().uuidString)")
        try Data().write(to: errors)
        let stdin = try ChildProcess.makePipe()
        let stdout = try ChildProcess.makePipe()
        // dup2 clears close-on-exec; all other descriptors are closed in the child, so no pipe stays open by accident.
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
        #else
            var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, stdin.reading, 0)
        posix_spawn_file_actions_adddup2(&actions, stdout.writing, 1)
        posix_spawn_file_actions_addopen(&actions, 2, errors.path, O_WRONLY | O_APPEND, 0)
        // Tests run on threads that block signals; a child would inherit that and never hear of SIGINT.
        #if canImport(Darwin)
            var attributes: posix_spawnattr_t?
        #else
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        // Nor does it inherit that we ignore closed pipes.
        var pipes = sigset_t()
        sigemptyset(&pipes)
        sigaddset(&pipes, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &pipes)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let path = try ChildProcess.locate(tool)
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
        var words: [UnsafeMutablePointer<CChar>?] = ([path] + arguments).map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { (words + settings).forEach { free($0) } }
        let code = posix_spawn(&identifier, path, &actions, &attributes, &words, &settings)
        close(stdin.reading)
        close(stdout.writing)
        input = stdin.writing
        output = stdout.reading
        guard code == 0 else { throw Failure(description: "cannot start \(path): \(String(cString: strerror(code)))") }
    }

    deinit {
        if status == nil, identifier > 0 {
            kill(identifier, SIGKILL)
            var ignored: Int32 = 0
            waitpid(identifier, &ignored, 0)
        }
        closeInput()
        closeOutput()
        try? FileManager.default.removeItem(at: errors)
    }

    private static func makePipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw Failure(description: "cannot make a pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// The products lie in one folder: beside the binary that runs the tests.
    static func locate(_ tool: String) throws -> String {
        if tool.hasPrefix("/") { return tool }
        var folders = [URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()]
        if let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
            folders.append(URL(fileURLWithPath: executable).deletingLastPathComponent())
        }
        folders += Bundle.allBundles.map { $0.bundleURL.deletingLastPathComponent() }
        for folder in folders {
            let path = folder.appendingPathComponent(tool).path
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw Failure(description: "\(tool) is in none of \(folders.map(\.path)); build it in the same configuration as the tests")
    }

    /// Writes all bytes; false when the process reads no more.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool { ChildProcess.write(bytes, to: input) }

    /// Writes a line.
    @discardableResult
    func send(_ line: String) -> Bool { send(Array(line.utf8) + [0x0A]) }

    /// Writes from a thread of its own, then closes the input: for more than pipes hold.
    func sendInBackground(_ bytes: [UInt8]) {
        let descriptor = input
        input = -1
        _ = WorkerThread {
            _ = ChildProcess.write(bytes, to: descriptor)
            close(descriptor)
        }
    }

    /// Writes from a thread of its own; the input stays open. Nothing else may be written until these have been answered.
    func sendLater(_ bytes: [UInt8]) {
        let descriptor = input
        _ = WorkerThread { _ = ChildProcess.write(bytes, to: descriptor) }
    }

    /// Writes the same bytes many times from a thread of its own, counting, then closes the input.
    func sendRepeatedly(_ bytes: [UInt8], count: Int, _ sent: SentCount) {
        let descriptor = input
        input = -1
        _ = WorkerThread {
            for _ in 0..<count where ChildProcess.write(bytes, to: descriptor) { sent.increment() }
            close(descriptor)
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = systemWrite(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                if count < 0 {
                    if errno == EINTR { continue }
                    return false
                }
                done += count
            }
            return true
        }
    }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    func closeOutput() {
        if output >= 0 { close(output) }
        output = -1
    }

    func signal(_ number: Int32) { kill(identifier, number) }

    /// The next line of stdout; nil at its end.
    ///
    /// - Throws: ``Failure`` when none comes in time.
    func readLine(seconds: Double = 120) throws -> String? {
        let end = Date(timeIntervalSinceNow: seconds)
        while true {
            if let newline = pending.firstIndex(of: 0x0A) {
                let line = String(decoding: pending[..<newline], as: UTF8.self)
                pending.removeSubrange(...newline)
                return line
            }
            var polled = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            let ready = poll(&polled, 1, Int32(max(0, end.timeIntervalSinceNow * 1000)))
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { throw Failure(description: "no line came within \(seconds) s; stderr: \(errorText)") }
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(output, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                guard !pending.isEmpty else { return nil }
                throw Failure(description: "the last line has no newline: \(String(decoding: pending, as: UTF8.self))")
            }
            pending.append(contentsOf: chunk[..<count])
        }
    }

    /// All lines until the output ends.
    func readLines() throws -> [String] {
        var lines: [String] = []
        while let line = try readLine() { lines.append(line) }
        return lines
    }

    /// All bytes until the output ends.
    func readAll(seconds: Double = 120) throws -> [UInt8] {
        let end = Date(timeIntervalSinceNow: seconds)
        var all = pending
        pending = []
        while true {
            var polled = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            let ready = poll(&polled, 1, Int32(max(0, end.timeIntervalSinceNow * 1000)))
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else { throw Failure(description: "the output did not end within \(seconds) s; stderr: \(errorText)") }
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(output, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return all }
            all.append(contentsOf: chunk[..<count])
        }
    }

    /// Waits for the end: the exit code, or 128 plus the signal that killed it.
    func wait(seconds: Double = 120) throws -> Int32 {
        if let status { return status }
        let end = Date(timeIntervalSinceNow: seconds)
        var raw: Int32 = 0
        while waitpid(identifier, &raw, WNOHANG) == 0 {
            guard Date() < end else { throw Failure(description: "the process runs on after \(seconds) s; stderr: \(errorText)") }
            usleep(2000)
        }
        let result = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + raw & 0x7F
        status = result
        return result
    }

    /// What it has written to stderr so far.
    var errorText: String { (try? String(contentsOf: errors, encoding: .utf8)) ?? "" }

    /// Present and peak resident memory in KiB; nil where the system does not tell.
    var residentKiB: Int? { status("VmRSS:") }
    var peakKiB: Int? { status("VmHWM:") }

    private func status(_ key: String) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
        return line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }
    }

    /// Runs a command to its end.
    static func run(_ tool: String, _ arguments: [String], input: String = "", environment: [String: String] = [:]) throws -> (
        status: Int32, output: String, errors: String
    ) {
        let child = try ChildProcess(tool, arguments, environment: environment)
        child.sendInBackground(Array(input.utf8))
        let lines = try child.readLines()
        let status = try child.wait()
        return (status, lines.map { $0 + "\n" }.joined(), child.errorText)
    }
}

/// How many messages a sender has got rid of.
final class SentCount: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func increment() { count.wrappingAdd(1, ordering: .relaxed) }
}

/// Writing to a process that has gone is an error number for the tests, not their end.
private func ignoreClosedPipes() { _ = signal(SIGPIPE, SIG_IGN) }

/// `write` of the system, which the method of that name would hide.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int { write(descriptor, bytes, count) }
