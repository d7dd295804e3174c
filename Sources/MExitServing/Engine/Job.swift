import MExitRuntime

/// One sample on its way through the stages. Belongs to the inference thread.
final class Job {
    /// Who is answered when the sample leaves.
    enum Owner {
        case request(ClassifyRequest)
        case batch(BatchProgress, index: Int)
    }

    let ticket: Ticket
    let owner: Owner
    let policy: CheckedPolicy
    /// On the monotonic clock.
    let deadline: Int64?
    /// Freed when the sample is loaded into its slot.
    var input: Input?
    var slot = -1
    /// The stage it waits for.
    var stage = 0
    /// How many groups with younger samples have run since it began to wait.
    var overtaken = 0
    /// The batch it belongs to, under whole-batch scheduling.
    var batch = 0
    /// When its first stage began.
    var started: Int64 = 0
    var computeTime: Int64 = 0
    /// What its newest exit said.
    var newest: Verdict?

    init(ticket: Ticket, owner: Owner, policy: CheckedPolicy, deadline: Int64? = nil, input: Input) {
        self.ticket = ticket
        self.owner = owner
        self.policy = policy
        self.deadline = deadline
        self.input = input
    }

    /// Temperature of the newest exit.
    var temperature: Double {
        let temperatures = policy.policy.temperatures
        return temperatures.indices.contains(stage - 1) ? temperatures[stage - 1] : 1
    }
}

/// A batch whose samples leave one by one.
final class BatchProgress {
    let ticket: Ticket
    let request: BatchRequest
    var results: [Result<SampleAnswer, RequestError>?]
    var remaining: Int
    var started: Int64?

    init(ticket: Ticket, request: BatchRequest, count: Int) {
        self.ticket = ticket
        self.request = request
        results = Array(repeating: nil, count: count)
        remaining = count
    }

    func record(_ result: Result<SampleAnswer, RequestError>, at index: Int) {
        results[index] = result
        remaining -= 1
    }

    func response(now: Int64) -> BatchResponse {
        let results = results.compactMap { $0 }
        let answers = results.compactMap { try? $0.get().answer }
        return BatchResponse(
            results: results, mode: request.mode, budgetMACs: request.budgetMACs, macs: answers.reduce(0) { $0 + $1.macs },
            macsSaved: answers.reduce(0) { $0 + $1.macsSaved }, queueTime: (started ?? now) - ticket.received,
            computeTime: now - (started ?? now))
    }
}
