import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A sequence of steps that threads share without meeting at each of them.
///
/// Every step has one part per lane. The parts of a lane are done in order, normally by one thread, and a part starts as soon
/// as all lanes have done the steps that it needs, wherever they are by then. A lane has one number, which tells how far it is: others look
/// at it only where they need its results, so two threads exchange one cache line per step, not several as a loop of a pool does.
///
/// A thread that waits for a part which nobody has begun does it itself. So a thread that comes late, or not at all, costs
/// little; waiting is only for parts that are under way.
///
/// Unchecked: the numbers are atomic; the rest is constant while a run is under way, and one run is under way at a time.
package final class Lanes: @unchecked Sendable {
    /// Does one part of one step. `worker` picks private scratch memory.
    package typealias Part = @convention(c) (_ context: UnsafeRawPointer, _ worker: Int, _ lane: Int, _ step: Int) -> Void

    package let count: Int
    /// How far each lane is: two for each part that is done, one more while one is under way.
    private let numbers: UnsafeMutableRawPointer
    private var steps = 0
    private var needs: UnsafePointer<Int32>?
    private var context: UnsafeRawPointer?
    private var part: Part?

    /// Bytes from one lane's number to the next: processors fetch lines in pairs.
    private static let stride = 128
    /// Looks before a thread does another lane's part, and before it sleeps: about a microsecond, and a tenth of a millisecond.
    private static let patience = 300
    private static let longPatience = 100_000

    package init(count: Int) {
        precondition(count >= 1, "there is at least one lane")
        self.count = count
        numbers = .allocate(byteCount: Lanes.stride * count, alignment: Lanes.stride)
        for lane in 0..<count {
            (numbers + lane * Lanes.stride).bindMemory(to: Atomic<Int>.self, capacity: 1).initialize(to: Atomic(0))
        }
    }

    deinit { numbers.deallocate() }

    @inline(__always)
    private func number(_ lane: Int) -> UnsafeMutablePointer<Atomic<Int>> {
        (numbers + lane * Lanes.stride).assumingMemoryBound(to: Atomic<Int>.self)
    }

    /// Does all parts of all steps, with whichever workers of the pool come; allocates nothing.
    ///
    /// - Parameters:
    ///   - needs: for each step the number of steps, counted from the first, that must be done in all lanes before it starts;
    ///     at most its own number.
    ///   - context: handed to every call.
    package func run(_ steps: Int, needs: UnsafePointer<Int32>, in pool: WorkerPool, on context: UnsafeRawPointer, _ part: Part) {
        for lane in 0..<count { number(lane).pointee.store(0, ordering: .relaxed) }
        (self.steps, self.needs, self.context, self.part) = (steps, needs, context, part)
        pool.run(count, on: Unmanaged.passUnretained(self).toOpaque()) { lanes, worker, lane in
            Unmanaged<Lanes>.fromOpaque(lanes).takeUnretainedValue().follow(lane, as: worker)
        }
    }

    /// Takes a lane to its end; returns when all lanes are there.
    private func follow(_ lane: Int, as worker: Int) {
        for step in 0..<steps {
            var looks = 0
            while number(lane).pointee.load(ordering: .acquiring) < 2 * step + 2, !take(lane, step, as: worker) {
                wait(&looks, worker)
            }
        }
        var looks = 0
        while !allHave(done: steps) { wait(&looks, worker) }
    }

    @inline(__always)
    private func allHave(done: Int) -> Bool {
        for lane in 0..<count where number(lane).pointee.load(ordering: .acquiring) < 2 * done { return false }
        return true
    }

    /// Does a lane's part of a step; false when it may not start yet, or somebody else has it.
    @inline(__always)
    private func take(_ lane: Int, _ step: Int, as worker: Int) -> Bool {
        guard let needs, let part, let context, allHave(done: Int(needs[step])) else { return false }
        let claim = number(lane).pointee.compareExchange(expected: 2 * step, desired: 2 * step + 1, ordering: .acquiring)
        guard claim.exchanged else { return false }
        part(context, worker, lane, step)
        number(lane).pointee.store(2 * step + 2, ordering: .releasing)
        return true
    }

    /// One look's worth of waiting: after some, a part that nobody has begun is done; after many, others may run on this core.
    private func wait(_ looks: inout Int, _ worker: Int) {
        looks += 1
        if looks >= Lanes.patience {
            for lane in 0..<count {
                let done = number(lane).pointee.load(ordering: .relaxed)
                if done % 2 == 0, done < 2 * steps, take(lane, done / 2, as: worker) {
                    looks = 0
                    return
                }
            }
        }
        if looks < Lanes.longPatience {
            if looks % 500 == 0 { sched_yield() }
        } else {
            usleep(50)
        }
    }
}
