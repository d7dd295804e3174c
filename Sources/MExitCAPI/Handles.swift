import CMExitAPI
import MExitCheckpoint
import MExitRuntime
import Synchronization

/// Objects as C callers hold them: a pointer that owns one reference.
enum Handle {
    static func make(_ object: AnyObject) -> OpaquePointer { OpaquePointer(Unmanaged.passRetained(object).toOpaque()) }

    /// The object behind a handle that a caller gave.
    static func object<Object: AnyObject>(_ handle: OpaquePointer?, _ type: Object.Type, _ name: String) throws -> Object {
        guard let handle else { throw UseError("'\(name)' is a null pointer") }
        return Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
    }

    static func close<Object: AnyObject>(_ handle: OpaquePointer?, _ type: Object.Type) {
        if let handle { Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).release() }
    }
}

/// What a pointer of a caller points to, or an error that names it.
func present<Pointer>(_ pointer: Pointer?, _ name: String) throws -> Pointer {
    guard let pointer else { throw UseError("'\(name)' is a null pointer") }
    return pointer
}

final class FileHandle: Sendable {
    let reader: CheckpointReader
    init(_ reader: CheckpointReader) { self.reader = reader }
}

final class ModelHandle: Sendable {
    let model: CompiledModel
    let classNames: [StaticText]
    let policyNames: [StaticText]

    init(_ model: CompiledModel) {
        self.model = model
        classNames = (0..<model.classCount).map { StaticText(model.className($0)) }
        policyNames = model.policies.map { StaticText($0.name) }
    }
}

final class PolicyHandle: Sendable {
    let policy: CheckedPolicy
    init(_ policy: CheckedPolicy) { self.policy = policy }
}

/// A context that notices a second caller.
///
/// Unchecked: the context is touched only inside ``alone(_:)``, by one thread at a time.
final class ContextHandle: @unchecked Sendable {
    private let context: InferenceContext
    /// For callers that name no policy.
    let last: CheckedPolicy
    private let isBusy = Atomic<Bool>(false)

    init(_ context: InferenceContext) throws {
        self.context = context
        last = try CheckedPolicy(.last(of: context.model), for: context.model)
    }

    /// Lends the context to one thread.
    ///
    /// - Throws: ``UseError`` when another one has it.
    func alone<Result>(_ body: (InferenceContext) throws -> Result) throws -> Result {
        guard !isBusy.exchange(true, ordering: .acquiring) else {
            throw UseError("another thread is using the context; make a context for each thread, they share the model", status: MEXIT_ERROR_BUSY)
        }
        defer { isBusy.store(false, ordering: .releasing) }
        return try body(context)
    }
}

/// An anytime run, with the context whose turn it needs.
///
/// Unchecked: the sequence is touched only inside the context's ``ContextHandle/alone(_:)``.
final class AnytimeHandle: @unchecked Sendable {
    let context: ContextHandle
    /// Nil once it has been ended.
    var sequence: AnytimeSequence?

    init(_ context: ContextHandle, _ sequence: AnytimeSequence) {
        self.context = context
        self.sequence = sequence
    }
}
