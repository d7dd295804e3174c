import MExitCheckpoint

extension CompiledModel {
    /// Opens a checkpoint for use before it is read: when this returns, graph, memory and kernels are planned, and a thread
    /// reads and packs the weights stage by stage. A context can be made at once; a stage that is asked for waits until its
    /// weights are there, so exit 0 answers while later stages still load.
    ///
    /// The tensors are never in memory all at once. Letting go of the model ends the thread.
    ///
    /// - Throws: `CheckpointError` for a file that cannot be opened; ``RuntimeError`` or `GraphError` as ``init(_:options:)``. A
    ///   tensor that turns out to be damaged is reported by the first run that needs its stage, and by ``waitUntilLoaded()``.
    public static func loading(path: String, options: CompileOptions = CompileOptions()) throws -> CompiledModel {
        try loading(CheckpointReader(path: path), options: options)
    }

    /// As ``loading(path:options:)``, from a checkpoint that is open.
    public static func loading(_ reader: CheckpointReader, options: CompileOptions = CompileOptions()) throws -> CompiledModel {
        try CompiledModel(planning: reader.description, options: options, reader: reader)
    }

    /// Number of stages that can run without waiting.
    public var loadedStages: Int { progress.stages }

    /// Waits until every stage has its weights.
    ///
    /// - Throws: what went wrong with reading one of them: `CheckpointError`.
    public func waitUntilLoaded() throws { try progress.wait(forStage: stageCount - 1) }
}
