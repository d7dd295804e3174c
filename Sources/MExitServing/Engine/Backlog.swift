import DequeModule

/// Samples that wait to be loaded into a slot, in the order they came; those with a deadline go first.
struct Backlog {
    /// Samples with a deadline that may go before one without: nobody starves.
    private static let patience = 8
    private var urgent = Deque<Job>()
    private var others = Deque<Job>()
    /// How many went before the first of the others.
    private var overtaken = 0

    var isEmpty: Bool { urgent.isEmpty && others.isEmpty }
    var urgentCount: Int { urgent.count }

    mutating func append(_ job: Job) {
        if job.deadline != nil { urgent.append(job) } else { others.append(job) }
    }

    mutating func append(contentsOf jobs: some Sequence<Job>) { jobs.forEach { append($0) } }

    mutating func popFirst() -> Job? {
        if !urgent.isEmpty, others.isEmpty || overtaken < Backlog.patience {
            overtaken += others.isEmpty ? 0 : 1
            return urgent.popFirst()
        }
        overtaken = 0
        return others.popFirst()
    }
}
