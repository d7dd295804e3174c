import MExitParallel

/// The part of a batch that one call of a step works on.
struct Chunk {
    /// Which partial sum it adds to; fixed by the sample, not by the thread.
    let index: Int
    /// The first call for this chunk: partial sums start at zero.
    let isFirst: Bool
    /// First sample and number of samples.
    let first: Int
    let count: Int
    /// Private to the caller while the step runs.
    let scratch: UnsafeMutablePointer<Float>
    /// This chunk's memory for partial sums, `Assembly.reservePartials` floats of it each.
    let partials: UnsafeMutablePointer<Float>

    var n: Int { count }
}

/// One operation's work on one direction of a pass.
struct Step {
    /// Works on one chunk of samples, reads and writes only values of these samples and partial sums of this chunk.
    let run: (Chunk) -> Void
    /// After all chunks: combines partial sums, in the order of the chunks.
    let finish: (() -> Void)?
    /// Later steps need what `finish` makes.
    let isBarrier: Bool

    init(_ run: @escaping (Chunk) -> Void) {
        self.run = run
        finish = nil
        isBarrier = false
    }

    init(isBarrier: Bool, finish: @escaping () -> Void, _ run: @escaping (Chunk) -> Void) {
        self.run = run
        self.finish = finish
        self.isBarrier = isBarrier
    }
}

/// Steps in order, run chunk by chunk between barriers: a chunk goes through many layers while its values are in cache, and
/// threads meet only where a batch-wide sum is needed.
///
/// The chunks are a fixed eighth of the batch each, whatever the number of threads, and every sum over samples runs within a
/// chunk first, then over chunks in order: results have the same bits for any number of threads.
struct Program {
    /// Parts that a batch is split into.
    static let chunks = 8
    /// Samples that go through the steps of a phase together: few, so that what a step writes is in cache for the next.
    static let block = 4

    private struct Phase {
        var steps: [Step]
    }
    private let phases: [Phase]

    init(_ steps: [Step]) {
        var phases: [Phase] = []
        var current: [Step] = []
        for step in steps {
            current.append(step)
            if step.isBarrier {
                phases.append(Phase(steps: current))
                current = []
            }
        }
        if !current.isEmpty { phases.append(Phase(steps: current)) }
        self.phases = phases
    }

    /// - Parameters:
    ///   - count: samples.
    ///   - memory: scratch and partial sums.
    func run(count: Int, pool: WorkerPool, memory: ChunkMemory) {
        for phase in phases {
            pool.run(Program.chunks) { worker, index in
                let first = index * count / Program.chunks
                let end = (index + 1) * count / Program.chunks
                var start = first
                repeat {
                    let chunk = Chunk(
                        index: index, isFirst: start == first, first: start, count: min(Program.block, end - start),
                        scratch: memory.scratch + worker * memory.scratchFloats,
                        partials: memory.partials + index * memory.partialFloats)
                    for step in phase.steps { step.run(chunk) }
                    start += Program.block
                } while start < end
            }
            for step in phase.steps { step.finish?() }
        }
    }
}

/// Scratch per worker and partial sums per chunk.
struct ChunkMemory {
    let scratch: UnsafeMutablePointer<Float>
    let scratchFloats: Int
    let partials: UnsafeMutablePointer<Float>
    let partialFloats: Int

    init(scratchFloats: Int, partialFloats: Int, threads: Int, keep: Keep) throws {
        // Whole cache lines apart, so that threads do not share one.
        self.scratchFloats = (scratchFloats + 31) / 16 * 16
        self.partialFloats = (partialFloats + 31) / 16 * 16
        scratch = try keep.allocate(Float.self, count: self.scratchFloats * threads)
        partials = try keep.allocate(Float.self, count: self.partialFloats * Program.chunks)
    }
}
