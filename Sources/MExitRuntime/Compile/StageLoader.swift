import MExitCheckpoint
import MExitIR
import MExitParallel
import Synchronization

/// Reads the weights of a checkpoint stage by stage and packs them, on a thread of its own.
///
/// Each tensor is read, checked, packed and let go: beside the packed weights, memory holds one operation's tensors.
final class StageLoader: Sendable {
    private let stopped = Atomic<Bool>(false)

    init(reader: CheckpointReader, packings: [[Packing]], weights: AlignedFloats, progress: LoadProgress) {
        let work = Work(reader: reader, packings: packings, weights: weights, progress: progress)
        // It ends by itself, and owns everything that it touches.
        WorkerThread { [self] in work.run(until: { stopped.load(ordering: .relaxed) }) }.detach()
    }

    /// Ends the thread after the operation that it is at; does not wait for it.
    func stop() { stopped.store(true, ordering: .relaxed) }

    /// Unchecked: handed to the one thread that uses it; packings are plain values beside pointers to constant kernels.
    private struct Work: @unchecked Sendable {
        let reader: CheckpointReader
        let packings: [[Packing]]
        let weights: AlignedFloats
        let progress: LoadProgress

        func run(until isStopped: () -> Bool) {
            let segments = Dictionary(reader.container.segments.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
            let packer = Packer(graph: reader.description.graph, weights: weights.base) { name in
                guard let segment = segments[name] else {
                    throw RuntimeError(.badModel, "tensor '\(name)' is missing; the graph needs it")
                }
                return try reader.container.values(of: segment)
            }
            do {
                for packings in packings {
                    for packing in packings {
                        if isStopped() { return }
                        try packer.pack(packing)
                    }
                    progress.stageLoaded()
                }
            } catch {
                progress.failed(error)
            }
        }
    }
}
