import CMExitAPI
import MExitCheckpoint
import MExitRuntime

// Each function is documented in mexit.h.

@_cdecl("mexit_version")
public func mexitVersion() -> UnsafePointer<CChar>? { version.pointer }

private let version = StaticText(PackageVersion.number)

@_cdecl("mexit_error")
public func mexitError() -> UnsafePointer<CChar>? { ErrorText.pointer }

@_cdecl("mexit_now")
public func mexitNow() -> Int64 { MonotonicInstant.now.nanoseconds }

@_cdecl("mexit_thread_realtime")
public func mexitThreadRealtime(_ level: Int32) -> mexit_status {
    attempting { level == 0 ? try RealtimeThread.leave() : try RealtimeThread.enter(level: Int(level)) }
}

@_cdecl("mexit_open")
public func mexitOpen(_ path: UnsafePointer<CChar>?, _ file: UnsafeMutablePointer<OpaquePointer?>?) -> mexit_status {
    attempting {
        let file = try present(file, "file")
        file.pointee = Handle.make(FileHandle(try CheckpointReader(path: String(cString: try present(path, "path")))))
    }
}

@_cdecl("mexit_open_memory")
public func mexitOpenMemory(
    _ bytes: UnsafeRawPointer?, _ count: Int, _ file: UnsafeMutablePointer<OpaquePointer?>?
) -> mexit_status {
    attempting {
        let file = try present(file, "file")
        guard count >= 0 else { throw UseError("'count' is out of range") }
        let bytes = [UInt8](UnsafeRawBufferPointer(start: count > 0 ? try present(bytes, "bytes") : nil, count: count))
        file.pointee = Handle.make(FileHandle(try CheckpointReader(bytes: bytes)))
    }
}

@_cdecl("mexit_close")
public func mexitClose(_ file: OpaquePointer?) { Handle.close(file, FileHandle.self) }

@_cdecl("mexit_compile")
public func mexitCompile(
    _ file: OpaquePointer?, _ options: UnsafePointer<mexit_compile_options>?, _ model: UnsafeMutablePointer<OpaquePointer?>?
) -> mexit_status {
    attempting {
        let model = try present(model, "model")
        let file = try Handle.object(file, FileHandle.self, "file")
        var exits: [Int]?
        if let options = options?.pointee, options.exit_count > 0 {
            let list = UnsafeBufferPointer(start: try present(options.exits, "options->exits"), count: options.exit_count)
            exits = list.map { Int($0) }
        }
        let compiled = try CompiledModel.loading(file.reader, options: CompileOptions(exits: exits))
        if options?.pointee.progressive ?? 0 == 0 { try compiled.waitUntilLoaded() }
        model.pointee = Handle.make(ModelHandle(compiled))
    }
}

@_cdecl("mexit_model_wait")
public func mexitModelWait(_ model: OpaquePointer?) -> mexit_status {
    attempting { try Handle.object(model, ModelHandle.self, "model").model.waitUntilLoaded() }
}

@_cdecl("mexit_model_close")
public func mexitModelClose(_ model: OpaquePointer?) { Handle.close(model, ModelHandle.self) }

@_cdecl("mexit_model_describe")
public func mexitModelDescribe(_ model: OpaquePointer?, _ info: UnsafeMutablePointer<mexit_model_info>?) -> mexit_status {
    attempting {
        let info = try present(info, "info")
        let model = try Handle.object(model, ModelHandle.self, "model").model
        let shape = model.inputShape.dimensions.map { Int32(clamping: $0) } + [0, 0]
        info.pointee = mexit_model_info(
            rank: Int32(model.inputShape.dimensions.count), shape: (shape[0], shape[1], shape[2]),
            input_count: model.inputShape.count, class_count: Int32(clamping: model.classCount),
            stage_count: Int32(clamping: model.stageCount), loaded_stages: Int32(clamping: model.loadedStages),
            policy_count: Int32(clamping: model.policies.count))
    }
}

@_cdecl("mexit_model_stage")
public func mexitModelStage(
    _ model: OpaquePointer?, _ stage: Int32, _ info: UnsafeMutablePointer<mexit_stage_info>?
) -> mexit_status {
    attempting {
        let info = try present(info, "info")
        let model = try Handle.object(model, ModelHandle.self, "model").model
        try check(stage, of: model)
        let cost = model.cumulativeCosts[Int(stage)]
        info.pointee = mexit_stage_info(exit: Int32(clamping: model.exits[Int(stage)]), macs: Int64(cost.macs), flops: Int64(cost.flops))
    }
}

func check(_ stage: Int32, of model: CompiledModel) throws {
    guard (0..<model.stageCount).contains(Int(stage)) else {
        throw UseError("stage \(stage) is not there; this model has stages 0 ..< \(model.stageCount)")
    }
}

@_cdecl("mexit_model_class_name")
public func mexitModelClassName(_ model: OpaquePointer?, _ label: Int32) -> UnsafePointer<CChar>? {
    text(label) { try Handle.object(model, ModelHandle.self, "model").classNames }
}

@_cdecl("mexit_model_policy_name")
public func mexitModelPolicyName(_ model: OpaquePointer?, _ index: Int32) -> UnsafePointer<CChar>? {
    text(index) { try Handle.object(model, ModelHandle.self, "model").policyNames }
}

private func text(_ index: Int32, _ texts: () throws -> [StaticText]) -> UnsafePointer<CChar>? {
    guard let texts = try? texts(), texts.indices.contains(Int(index)) else { return nil }
    return texts[Int(index)].pointer
}
