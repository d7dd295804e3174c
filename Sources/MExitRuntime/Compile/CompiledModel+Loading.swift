import MExitCheckpoint

extension CompiledModel {
    /// Opens a checkpoint for use before it is read. Threads begin to read and inflate the weights at once, stage by stage, while
    /// the caller plans graph, memory and kernels and gets the model back. A context can be made at once; a caller who asks for a
    /// stage that is not there yet helps to load it, so exit 0 answers while later stages still load.
    ///
    /// Beside the packed weights, memory holds the tensors of the stages that are being read. Letting go of the model ends the
    /// threads.
    ///
    /// - Parameter threads: to start; nil for one less than there are processors, the caller being the last, and at most 7.
    /// - Returns: a model whose stages become ready one after the other.
    /// - Throws: `CheckpointError` for a file that cannot be opened; ``RuntimeError`` or `GraphError` as ``init(_:options:)``. A
    ///   tensor that turns out to be damaged is reported by the first run that needs its stage, and by ``waitUntilLoaded()``.
    public static func loading(path: String, options: CompileOptions = CompileOptions(), threads: Int? = nil) throws -> CompiledModel {
        try loading(CheckpointReader(path: path), options: options, threads: threads)
    }

    /// As ``loading(path:options:threads:)``, from a checkpoint that is open.
    ///
    /// - Throws: ``RuntimeError`` or `GraphError` as ``init(_:options:)``.
    public static func loading(
        _ reader: CheckpointReader, options: CompileOptions = CompileOptions(), threads: Int? = nil
    ) throws -> CompiledModel {
        try CompiledModel(
            planning: reader.description, options: options, reader: reader, threads: threads ?? min(ContainerReader.processors - 1, 7))
    }

    /// Number of stages that can run without waiting.
    public var loadedStages: Int { progress.stages }

    /// Waits until every stage has its weights, and helps to load them.
    ///
    /// - Throws: what went wrong with reading one of them: `CheckpointError`.
    public func waitUntilLoaded() throws { try wait(forStage: stageCount - 1) }
}
