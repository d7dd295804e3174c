#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import MExitServing

/// A server as a child process, with pipes to its stdin and from its stdout; its stderr is ours.
public final class ServerProcess {
    private var identifier: pid_t = 0
    /// Our ends of the pipes; -1 when closed. Neither blocks.
    private(set) var input: Int32 = -1
    private(set) var output: Int32 = -1

    /// - Parameter command: the program, found as a shell finds it, and its arguments.
    /// - Throws: ``LoadError`` when it cannot be started.
    public init(command: [String]) throws {
        guard let program = command.first else { throw LoadError("no server is named; write its command behind --") }
        _ = signal(SIGPIPE, SIG_IGN)
        let stdin = try ServerProcess.makePipe()
        let stdout = try ServerProcess.makePipe()
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
        #else
            var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // All descriptors close on exec; dup2 makes ones that do not.
        posix_spawn_file_actions_adddup2(&actions, stdin.reading, 0)
        posix_spawn_file_actions_adddup2(&actions, stdout.writing, 1)
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { words.forEach { free($0) } }
        let code = posix_spawnp(&identifier, program, &actions, nil, &words, environ)
        close(stdin.reading)
        close(stdout.writing)
        input = stdin.writing
        output = stdout.reading
        guard code == 0 else { throw LoadError("cannot start '\(program)': \(String(cString: strerror(code)))") }
        for descriptor in [input, output] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
    }

    deinit {
        closeInput()
        if output >= 0 { close(output) }
        if identifier > 0 {
            kill(identifier, SIGTERM)
            var status: Int32 = 0
            waitpid(identifier, &status, 0)
        }
    }

    private static func makePipe() throws -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw LoadError("cannot make a pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// Resident memory in KiB; nil where the system does not tell.
    var residentKiB: Int? { ResidentMemory.kibibytes(of: "\(identifier)") }

    /// Processor time of the server so far, of all its threads; nil where the system does not tell.
    var processorTime: Int64? {
        #if os(Linux)
            var clock = clockid_t()
            return clock_getcpuclockid(identifier, &clock) == 0 ? nanoseconds(of: clock) : nil
        #else
            return nil
        #endif
    }

    /// Processor time of this process so far.
    static var ownProcessorTime: Int64? { nanoseconds(of: CLOCK_PROCESS_CPUTIME_ID) }

    /// Ends the server's input and waits until it has ended.
    ///
    /// - Throws: ``LoadError`` when it ends with another code than 0.
    public func finish() throws {
        closeInput()
        var status: Int32 = 0
        while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
        identifier = 0
        guard status == 0 else {
            throw LoadError("the server ended with \(status & 0x7F == 0 ? "code \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)")")
        }
    }
}

private func nanoseconds(of clock: clockid_t) -> Int64? {
    var time = timespec()
    guard clock_gettime(clock, &time) == 0 else { return nil }
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
