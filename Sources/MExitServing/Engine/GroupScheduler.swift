/// Decides which waiting samples run their next stage together. Belongs to the inference thread.
protocol GroupScheduler {
    var isEmpty: Bool { get }

    /// Adds a sample that waits for `job.stage`.
    mutating func append(_ job: Job)

    /// Takes out the next group, all due for one stage; nil when nobody waits.
    ///
    /// - Parameter predicted: nanoseconds that a group of some size takes at a stage; 0 where nothing is known.
    mutating func next(now: Int64, predicted: (_ stage: Int, _ count: Int) -> Int64) -> (stage: Int, jobs: [Job])?

    /// How many more samples it can make use of at once: what waits beyond that may as well be taken by another worker, and would
    /// push what runs now out of the caches.
    func appetite(predicted: (_ stage: Int, _ count: Int) -> Int64) -> Int

    /// Whether answers that are there must still wait for others.
    var holdsAnswers: Bool { get }
}

/// How groups are formed.
public enum Scheduling: String, Hashable, Sendable, CaseIterable {
    /// Samples that wait at the same stage run together, whenever they came, and leave when they exit.
    case stage
    /// Samples that wait are taken together through all stages, as servers do that know nothing of exits: others wait until
    /// the last of the batch has left, and its answers are given together. For comparison.
    case batch
}
