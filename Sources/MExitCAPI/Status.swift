#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import CMExitAPI
import MExitCheckpoint
import MExitIR
import MExitRuntime

/// A misuse of the C interface itself.
struct UseError: Error, CustomStringConvertible {
    let status: mexit_status
    let description: String

    init(_ description: String, status: mexit_status = MEXIT_ERROR_USE) {
        self.description = description
        self.status = status
    }
}

/// Runs the body of a C function: what it throws becomes a status, and the text of ``mexit_error``.
func reporting(_ body: () throws -> mexit_status) -> mexit_status {
    do {
        return try body()
    } catch {
        ErrorText.set("\(error)")
        return status(of: error)
    }
}

/// As ``reporting(_:)``, for a body that either works or throws.
func attempting(_ body: () throws -> Void) -> mexit_status {
    reporting {
        try body()
        return MEXIT_OK
    }
}

private func status(of error: any Error) -> mexit_status {
    switch error {
    case let error as UseError: return error.status
    case let error as RuntimeError:
        switch error.code {
        case .badInput: return MEXIT_ERROR_INPUT
        case .badPolicy: return MEXIT_ERROR_POLICY
        case .badModel: return MEXIT_ERROR_MODEL
        case .badBudget: return MEXIT_ERROR_BUDGET
        case .badUse: return MEXIT_ERROR_USE
        default: return MEXIT_ERROR_INTERNAL
        }
    case let error as CheckpointError:
        switch error.code {
        case .io: return MEXIT_ERROR_IO
        case .unsupportedVersion, .unsupportedFeature: return MEXIT_ERROR_UNSUPPORTED
        default: return MEXIT_ERROR_FILE
        }
    case is GraphError, is ModelError: return MEXIT_ERROR_MODEL
    default: return MEXIT_ERROR_INTERNAL
    }
}

/// The last error's text of each thread.
enum ErrorText {
    /// Where a thread keeps its text; nil when the system has no key left.
    private static let key: pthread_key_t? = {
        var key = pthread_key_t()
        return pthread_key_create(&key, { free($0) }) == 0 ? key : nil
    }()
    /// What a thread without an error gets; lives as long as the process.
    private static let nothing = StaticText("")

    static func set(_ text: String) {
        guard let key else { return }
        free(pthread_getspecific(key))
        pthread_setspecific(key, strdup(text))
    }

    static var pointer: UnsafePointer<CChar>? {
        key.flatMap { pthread_getspecific($0) }.map { UnsafePointer($0.assumingMemoryBound(to: CChar.self)) } ?? nothing.pointer
    }
}

/// A text for C callers; freed with its owner.
///
/// Unchecked: never written after `init`.
final class StaticText: @unchecked Sendable {
    private let memory: UnsafeMutablePointer<CChar>?
    var pointer: UnsafePointer<CChar>? { UnsafePointer(memory) }

    init(_ text: String) { memory = strdup(text) }
    deinit { free(memory) }
}
