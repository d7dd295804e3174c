import MExitParallel
import Synchronization

/// Which stages of a model have their weights: all of a model that was compiled from memory, more and more of one that a
/// thread is still loading.
final class LoadProgress: Sendable {
    /// Stages whose weights are packed, from the first on.
    private let ready = Atomic<Int>(0)
    private let failure = Mutex<(any Error)?>(nil)
    private let bell = Bell()

    /// Number of stages that can run.
    var stages: Int { ready.load(ordering: .acquiring) }

    /// The next stage has its weights: what was written before is seen by whoever sees this.
    func stageLoaded() {
        ready.wrappingAdd(1, ordering: .acquiringAndReleasing)
        bell.ring()
    }

    /// No further stage will come.
    func failed(_ error: any Error) {
        failure.withLock { $0 = error }
        bell.ring()
    }

    /// Waits until a stage can run; one atomic read when it can.
    ///
    /// - Throws: what the loading thread met, when the stage will never come.
    func wait(forStage stage: Int) throws {
        if stages > stage { return }
        let outcome: Result<Void, any Error> = bell.wait {
            if self.stages > stage { return .success(()) }
            return self.failure.withLock { $0 }.map { .failure($0) }
        }
        try outcome.get()
    }
}
