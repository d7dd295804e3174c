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
    /// Works on some samples of a chunk, reads and writes only values of these samples and partial sums of this chunk.
    let run: (Chunk) -> Void
    /// After all chunks: independent tasks that combine partial sums, in the order of the chunks.
    let finish: [() -> Void]
    /// After all chunks as well: independent tasks on all samples, of which the number is given, with private scratch.
    let wholeBatch: [(Int, UnsafeMutablePointer<Float>) -> Void]
    /// Takes all samples of a chunk in one call, after the other steps of its phase.
    let takesWholeChunk: Bool

    init(
        finish: [() -> Void] = [], wholeBatch: [(Int, UnsafeMutablePointer<Float>) -> Void] = [], takesWholeChunk: Bool = false,
        _ run: @escaping (Chunk) -> Void
    ) {
        self.run = run
        self.finish = finish
        self.wholeBatch = wholeBatch
        self.takesWholeChunk = takesWholeChunk
    }
}

/// Phases of steps in order: within a phase, a few samples at a time go through all steps while their values are in cache, and
/// threads meet only at its end, where sums over the batch are needed.
///
/// The chunks are a fixed eighth of the batch each, whatever the number of threads, and every sum over samples runs within a
/// chunk first, then over chunks in order: results have the same bits for any number of threads.
struct Program {
    /// Parts that a batch is split into.
    static let chunks = 8
    /// Samples that go through the steps of a phase together: few, so that what one step writes is in cache when the next reads it, and
    /// not one, because a call has a price. Measured: msdnet-micro, 0.7 MB of values a sample, takes 5 % less time with 8 than with 4,
    /// msdnet-cifar-7 with 3.6 MB 2 % more.
    static func block(valueBytes: Int) -> Int { valueBytes <= 2 << 20 ? 8 : 4 }

    private struct Phase {
        let steps: [Step]
        let wholeChunks: [Step]
        let finish: [() -> Void]
        let wholeBatch: [(Int, UnsafeMutablePointer<Float>) -> Void]
    }
    private let phases: [Phase]
    private let block: Int

    /// - Parameter block: samples that go through the steps of a phase together.
    init(_ phases: [[Step]], block: Int) {
        self.block = block
        self.phases = phases.map { steps in
            Phase(
                steps: steps.filter { !$0.takesWholeChunk }, wholeChunks: steps.filter(\.takesWholeChunk),
                finish: steps.flatMap(\.finish), wholeBatch: steps.flatMap(\.wholeBatch))
        }
    }

    /// - Parameters:
    ///   - count: samples.
    ///   - memory: scratch and partial sums.
    func run(count: Int, pool: WorkerPool, memory: ChunkMemory) {
        for phase in phases {
            pool.run(Program.chunks) { worker, index in
                let first = index * count / Program.chunks
                let end = (index + 1) * count / Program.chunks
                func chunk(from start: Int, _ count: Int) -> Chunk {
                    Chunk(
                        index: index, isFirst: start == first, first: start, count: count,
                        scratch: memory.scratch + worker * memory.scratchFloats,
                        partials: memory.partials + index * memory.partialFloats)
                }
                var start = first
                repeat {
                    let some = chunk(from: start, min(block, end - start))
                    for step in phase.steps { step.run(some) }
                    start += block
                } while start < end
                let all = chunk(from: first, end - first)
                for step in phase.wholeChunks { step.run(all) }
            }
            pool.run(phase.wholeBatch.count + phase.finish.count) { worker, index in
                if index < phase.wholeBatch.count {
                    phase.wholeBatch[index](count, memory.scratch + worker * memory.scratchFloats)
                } else {
                    phase.finish[index - phase.wholeBatch.count]()
                }
            }
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
