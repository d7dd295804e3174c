import CMExitKernels
import MExitIR
import MExitParallel
import Synchronization

/// Memory and threads to run one compiled model: one caller at a time. Two threads that use a context at the same moment end
/// the process with a message; make a context for each (``ContextPool``), they share the compiled model.
///
/// Samples live in **slots**. A slot is loaded, taken through stages one by one, read, and released; slots at the same stage
/// run together in any grouping, and when some leave the others stay where they are: nothing is copied. After `init`,
/// loading and running allocate nothing.
///
/// Every sample's logits are the same, bit for bit, whatever runs beside it, in whichever slot, on however many threads.
public final class InferenceContext {
    /// What it runs.
    public let model: CompiledModel
    /// Number of slots.
    public let slotCount: Int
    /// What has been executed so far, over all slots, as the threads counted it step by step.
    public var work: Work {
        Work(
            operations: workers.reduce(0) { $0 + $1.operations }, macs: workers.reduce(0) { $0 + $1.macs }, samples: samples)
    }
    /// What the samples came to whose slots were given back, and how long the stages took.
    public internal(set) var totals: Totals
    /// How long stages are predicted to take, for deadlines.
    var times: StageTimes
    /// What deadlines may still risk.
    var riskAllowance = RiskAllowance()
    /// Samples that were loaded.
    var samples = 0

    let clock: @Sendable () -> MonotonicInstant
    let pool: WorkerPool
    let arena: AlignedFloats
    /// Floats from one slot to the next.
    let slotStride: Int
    let workers: [StepRunner]
    /// How threads share the steps of one group of samples.
    let lanes: Lanes
    var slots: [SlotState]
    private var free: [Int]
    /// True while a thread loads or runs.
    private let isBusy = Atomic<Bool>(false)

    /// Takes the memory for `slots` samples, and starts `threads` - 1 threads.
    ///
    /// - Parameters:
    ///   - slots: samples that can be under way at once; at least 1.
    ///   - threads: that share the work, the caller included; at least 1.
    ///   - clock: what stages are timed with and deadlines compared with; another than the system's is for tests and simulations.
    /// - Throws: ``RuntimeError`` when memory is short or a number is out of range.
    /// - Complexity: O(1); memory of ``CompiledModel/slotFloats`` floats per slot, touched when a sample first needs it.
    public convenience init(
        _ model: CompiledModel, slots: Int = 1, threads: Int = 1, clock: @escaping @Sendable () -> MonotonicInstant = { .now }
    ) throws {
        guard (1...1024).contains(threads) else {
            throw RuntimeError(.badUse, "\(threads) threads are not possible; give 1 ... 1024")
        }
        try self.init(model, slots: slots, pool: WorkerPool(threads: threads), clock: clock)
    }

    package init(
        _ model: CompiledModel, slots: Int, pool: WorkerPool, clock: @escaping @Sendable () -> MonotonicInstant = { .now }
    ) throws {
        guard (1...1_000_000).contains(slots) else {
            throw RuntimeError(.badUse, "\(slots) slots are not possible; give 1 ... 1000000")
        }
        self.model = model
        self.pool = pool
        self.clock = clock
        totals = Totals(stageCount: model.stageCount)
        times = StageTimes(costs: model.stageCosts.map(\.macs), maximumCount: min(slots, StageTimes.largestGroup))
        slotCount = slots
        // An odd number of cache lines, so that equal places of neighbouring slots do not share cache sets.
        slotStride = (model.slotFloats / 16 | 1) * 16 + 32
        let (floats, overflow) = slots.multipliedReportingOverflow(by: slotStride)
        guard !overflow else { throw RuntimeError(.badUse, "\(slots) slots of \(slotStride) floats overflow memory; use fewer") }
        arena = try AlignedFloats(count: floats)
        self.slots = Array(repeating: SlotState(), count: slots)
        free = Array((0..<slots).reversed())
        lanes = Lanes(count: pool.threads)
        workers = try (0..<pool.threads).map { _ in try StepRunner(model: model) }
    }

    /// Takes a free slot; nil when all are in use. Complexity: O(1), no allocation.
    public func takeSlot() -> Int? {
        enter()
        defer { leave() }
        guard let slot = free.popLast() else { return nil }
        slots[slot] = SlotState()
        slots[slot].isTaken = true
        return slot
    }

    /// Gives a slot back; its sample is counted in ``totals``. A slot that is not taken is left alone.
    ///
    /// - Complexity: O(1), no allocation.
    public func release(_ slot: Int) {
        enter()
        defer { leave() }
        guard slots.indices.contains(slot), slots[slot].isTaken else { return }
        count(slot)
        slots[slot].isTaken = false
        free.append(slot)
    }

    /// Counts the sample of a slot, if it has one.
    func count(_ slot: Int) {
        if slots[slot].isLoaded { totals.count(model, stages: slots[slot].nextStage) }
        slots[slot].isLoaded = false
    }

    /// The number of samples that are best taken through all stages together, before the next: enough for all threads, few enough that
    /// what lies in their slots is still in cache when the next stage reads it. A context with more slots holds more samples
    /// under way, but classifies no faster.
    public var groupSize: Int { Self.groupSize(threads: pool.threads) }

    /// ``groupSize`` of a context with so many threads.
    public static func groupSize(threads: Int) -> Int { StepRunner.groupSize * threads }

    /// Number of slots that ``takeSlot()`` can still give.
    public var freeSlots: Int { free.count }

    /// The stage that a slot (0 ..< ``slotCount``) runs next; equal to the model's stage count when it has run them all.
    public func nextStage(of slot: Int) -> Int { slots[slot].nextStage }

    /// Marks the begin of work on slots.
    func enter() {
        if isBusy.exchange(true, ordering: .acquiring) {
            fatalError("an InferenceContext was used by two threads at once; give each thread a context of its own")
        }
    }

    /// Marks its end.
    func leave() { isBusy.store(false, ordering: .releasing) }

    func base(of slot: Int) -> UnsafeMutablePointer<Float> { arena.base + slot * slotStride }
}

/// What has happened in a slot.
struct SlotState {
    var isTaken = false
    var isLoaded = false
    var nextStage = 0
    /// The newest exit's label, and how many exits in a row confirmed it.
    var label = -1
    var streak = 0
}

/// Work that was really executed, counted as it happens.
public struct Work: Hashable, Sendable {
    /// Graph operations, once per sample.
    public var operations = 0
    /// Multiply-adds of convolutions and linear layers.
    public var macs = 0
    /// Samples that were loaded.
    public var samples = 0
}
