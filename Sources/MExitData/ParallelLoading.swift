import MExitParallel

/// Calls `body` once for every index in `0 ..< count`, on up to `threads` threads.
///
/// The order is not defined: `body` writes to the place of its index and nowhere else.
///
/// - Parameters:
///   - threads: Brought into `1 ... 256`, and to no more than there are indices.
///   - state: Makes what one thread keeps from call to call, such as a decoder.
func forEachIndex<State>(count: Int, threads: Int, state: () -> State, _ body: (inout State, Int) -> Void) {
    let threads = max(1, min(threads, count, 256))
    let states = UnsafeMutableBufferPointer<State>.allocate(capacity: threads)
    for worker in states.indices { states.initializeElement(at: worker, to: state()) }
    defer {
        states.deinitialize()
        states.deallocate()
    }
    WorkerPool(threads: threads).run(count) { worker, index in body(&states[worker], index) }
}
