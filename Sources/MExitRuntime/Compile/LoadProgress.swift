import MExitParallel
import Synchronization

/// Which stages of a model have their weights: all of a model that was compiled from memory, more and more of one that is
/// still being loaded.
final class LoadProgress: Sendable {
    private struct Failure {
        var error: any Error
        /// The first stage that will never come.
        var stage: Int
    }

    /// Stages whose weights are packed, from the first on.
    private let ready = Atomic<Int>(0)
    private let failure = Monitor<Failure?>(nil)
    /// Where those sleep who wait for a stage. Apart from `failure`, which they look at.
    private let waiting = Monitor(())

    /// Number of stages that can run.
    var stages: Int { ready.load(ordering: .acquiring) }

    /// The next stage has its weights: what was written before is seen by whoever sees this. Wakes nobody: see ``changed()``.
    func stageLoaded() { ready.wrappingAdd(1, ordering: .acquiringAndReleasing) }

    /// Wakes those who wait, to look again.
    func changed() { waiting.wake() }

    /// Neither this stage nor a later one will come. Of several failures that of the first stage counts.
    func failed(_ error: any Error, stage: Int) {
        failure.withLock { failure in
            if failure.map({ $0.stage > stage }) ?? true { failure = Failure(error: error, stage: stage) }
        }
        waiting.wake()
    }

    /// Whether a stage before this one will never come.
    func hasFailed(before stage: Int) -> Bool { failure.withLock { $0.map { $0.stage < stage } ?? false } }

    /// Whether nothing more will come of so many stages.
    func isOver(stages count: Int) -> Bool {
        let stages = stages
        return stages >= count || failure.withLock { $0.map { $0.stage <= stages } ?? false }
    }

    /// Waits until a condition holds, looking whenever something changed.
    func wait(until condition: () -> Bool) { _ = waiting.wait { _ in condition() ? true : nil } }

    /// Waits until a stage can run, or there is something else to do.
    ///
    /// - Throws: what loading met, once all stages before the one that it met it in are there.
    func wait(forStage stage: Int, orUntil condition: () -> Bool) throws {
        let outcome: Result<Void, any Error> = waiting.wait { _ in
            let ready = self.stages
            if ready > stage || condition() { return .success(()) }
            return self.failure.withLock { $0 }.flatMap { $0.stage <= ready ? .failure($0.error) : nil }
        }
        try outcome.get()
    }
}
