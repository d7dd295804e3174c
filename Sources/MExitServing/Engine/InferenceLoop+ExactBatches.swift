import DequeModule
import MExitRuntime

/// A batch in exact mode: which of its samples are where. Belongs to the inference thread.
final class ExactBatch {
    let progress: BatchProgress
    /// Not yet in a window.
    private var waiting: Deque<Job>
    /// In the window and running or waiting to run.
    private var running = 0
    /// In the window, their newest exit read, waiting for what the budget allows.
    private var held: [Job] = []
    private let gains: BudgetGains
    private var planner: BudgetPlanner

    init(_ progress: BatchProgress, jobs: Deque<Job>, gains: BudgetGains, planner: BudgetPlanner) {
        self.progress = progress
        waiting = jobs
        self.gains = gains
        self.planner = planner
    }

    func stageDone(_ job: Job) {
        running -= 1
        held.append(job)
    }

    /// A sample failed: it leaves the window without an answer.
    func gaveUp(_ job: Job) { running -= 1 }

    /// What the batch wants next.
    enum Step {
        /// Its samples are running.
        case wait
        /// These start with stage 0; they need slots.
        case start([Job])
        /// These take one more stage.
        case goOn([Job])
        /// These have their answers.
        case leave([Job])
        case done
    }

    /// - Parameter window: samples that may be under way at once.
    func step(window: Int) -> Step {
        if running > 0 { return .wait }
        if held.isEmpty {
            if waiting.isEmpty { return .done }
            let jobs = Array(waiting.prefix(window))
            waiting.removeFirst(jobs.count)
            planner.startWindow(samples: jobs.count)
            running = jobs.count
            return .start(jobs)
        }
        let candidates = held.enumerated().compactMap { index, job in
            job.newest.flatMap { gains.candidate(index: index, nextStage: job.stage, $0) }
        }
        let chosen = planner.spend(on: candidates, atMost: window).map { held[$0.index] }
        if chosen.isEmpty {
            defer { held = [] }
            return .leave(held)
        }
        held.removeAll { job in chosen.contains { $0 === job } }
        running = chosen.count
        return .goOn(chosen)
    }
}

extension InferenceLoop {
    /// Takes the batch under way as far as it goes without running a stage.
    func advanceExactBatches() {
        while let batch = exactBatches.first {
            // Half of the slots: the other half stays with the other requests.
            switch batch.step(window: max(1, context.slotCount / 2)) {
            case .wait: return
            case .start(let jobs): backlog.append(contentsOf: jobs)
            case .goOn(let jobs): jobs.forEach { scheduler.append($0) }
            case .leave(let jobs):
                let now = MonotonicTime.now()
                for job in jobs { leave(job, now: now) }
            case .done: exactBatches.removeFirst()
            }
        }
    }
}
