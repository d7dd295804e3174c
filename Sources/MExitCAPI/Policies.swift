import CMExitAPI
import MExitRuntime

@_cdecl("mexit_policy_create")
public func mexitPolicyCreate(
    _ model: OpaquePointer?, _ text: UnsafePointer<CChar>?, _ policy: UnsafeMutablePointer<OpaquePointer?>?
) -> mexit_status {
    attempting {
        let policy = try present(policy, "policy")
        let model = try Handle.object(model, ModelHandle.self, "model").model
        let text = String(cString: try present(text, "text"))
        policy.pointee = Handle.make(PolicyHandle(try CheckedPolicy(ExitPolicy(text: text, for: model), for: model)))
    }
}

@_cdecl("mexit_policy_create_custom")
public func mexitPolicyCreateCustom(
    _ model: OpaquePointer?, _ name: UnsafePointer<CChar>?, _ leaves: mexit_leaves?, _ user: UnsafeMutableRawPointer?,
    _ policy: UnsafeMutablePointer<OpaquePointer?>?
) -> mexit_status {
    attempting {
        let policy = try present(policy, "policy")
        let model = try Handle.object(model, ModelHandle.self, "model").model
        let custom = CallbackPolicy(
            name: String(cString: try present(name, "name")), ask: try present(leaves, "leaves"), user: user)
        policy.pointee = Handle.make(PolicyHandle(try CheckedPolicy(.custom(custom), for: model)))
    }
}

@_cdecl("mexit_policy_close")
public func mexitPolicyClose(_ policy: OpaquePointer?) { Handle.close(policy, PolicyHandle.self) }

/// A policy that asks a C function.
///
/// Unchecked: the pointer is only handed on; mexit.h makes the caller answer for what it points to.
private struct CallbackPolicy: CustomPolicy, @unchecked Sendable {
    let name: String
    let ask: mexit_leaves
    let user: UnsafeMutableRawPointer?

    func leaves(_ sample: ExitView) -> Bool {
        var view = mexit_exit_view(
            exit: Int32(clamping: sample.exit), stage: Int32(clamping: sample.stage), label: Int32(clamping: sample.label),
            streak: Int32(clamping: sample.streak), confidence: sample.probability, macs: Int64(sample.macs),
            macs_of_next_stage: Int64(sample.macsOfNextStage))
        return ask(user, &view) != 0
    }
}
