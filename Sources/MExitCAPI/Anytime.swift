import CMExitAPI
import MExitRuntime

@_cdecl("mexit_anytime_begin")
public func mexitAnytimeBegin(
    _ context: OpaquePointer?, _ input: UnsafePointer<mexit_input>?, _ deadline: Int64,
    _ anytime: UnsafeMutablePointer<OpaquePointer?>?
) -> mexit_status {
    attempting {
        let anytime = try present(anytime, "anytime")
        let handle = try Handle.object(context, ContextHandle.self, "context")
        let input = try sample(try present(input, "input").pointee, "input")
        let deadline = deadline == .max ? nil : MonotonicInstant(nanoseconds: deadline)
        let sequence = try handle.alone { try $0.anytime(input, deadline: deadline) }
        anytime.pointee = Handle.make(AnytimeHandle(handle, sequence))
    }
}

@_cdecl("mexit_anytime_step")
public func mexitAnytimeStep(
    _ anytime: OpaquePointer?, _ answer: UnsafeMutablePointer<mexit_answer>?, _ logits: UnsafeMutablePointer<Float>?
) -> mexit_status {
    reporting {
        let destination = try present(answer, "answer")
        let handle = try Handle.object(anytime, AnytimeHandle.self, "anytime")
        return try handle.context.alone { _ in
            guard let next = try handle.sequence?.step() else { return MEXIT_DONE }
            write(next, to: destination, logits)
            return MEXIT_OK
        }
    }
}

@_cdecl("mexit_anytime_end")
public func mexitAnytimeEnd(_ anytime: OpaquePointer?) -> mexit_status {
    reporting {
        guard anytime != nil else { return MEXIT_OK }
        let handle = try Handle.object(anytime, AnytimeHandle.self, "anytime")
        // The slot goes back inside the context's turn.
        try handle.context.alone { _ in handle.sequence = nil }
        Handle.close(anytime, AnytimeHandle.self)
        return MEXIT_OK
    }
}
