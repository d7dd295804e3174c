#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Results, on stdout.
public enum StandardOutput {
    /// Writes all of the text. A reader that has gone away (`mexit-inspect ... | head`) ends the process quietly, with 0;
    /// any other failure (a full disk) is an error.
    public static func write(_ text: String) throws {
        switch writeAll(text, to: STDOUT_FILENO) {
        case 0: return
        case EPIPE: exit(0)
        case let code: throw OutputError(message: "cannot write to standard output: \(String(cString: strerror(code)))")
        }
    }
}

/// Progress, warnings and errors, on stderr. What cannot be written is lost: there is nobody left to tell.
public enum StandardError {
    public static func write(_ text: String) {
        _ = writeAll(text, to: STDERR_FILENO)
    }
}

/// stdout did not take what was written.
public struct OutputError: Error, CustomStringConvertible, Sendable {
    public let message: String
    public var description: String { message }
}

/// 0, or the errno of the write that failed. SIGPIPE is ignored first, so that a closed pipe is an error number.
private func writeAll(_ text: String, to descriptor: Int32) -> Int32 {
    _ = signal(SIGPIPE, SIG_IGN)
    var text = text
    return text.withUTF8 { bytes in
        var done = 0
        while done < bytes.count {
            let written = write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if written < 0 {
                if errno == EINTR { continue }
                return errno
            }
            done += written
        }
        return 0
    }
}
