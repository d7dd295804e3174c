import MExitIR

/// Which values of a dense network have their gradients gathered together.
///
/// A gather reads the output gradients of all convolutions that read a value, a whole stack of them for a few channels of result, so
/// memory is what it waits for. Values that the same convolutions read, such as the halves of a concat, are gathered in one pass;
/// and so is what the value of an earlier layer gets from these convolutions, because they read it, too. The rest of that value's
/// readers follow when it is due.
struct GatherPlan {
    struct Item {
        /// Values that get their share of a gradient.
        let values: [Int]
        /// The convolutions that it comes from, ascending.
        let readers: [Int]
    }

    /// By node: what is to be gathered when its gradient is due.
    private(set) var items: [[Item]]
    /// By node: the phase in which its gradient is first written by a gather.
    private(set) var firstPhase: [Int?]

    /// Channels of results that one pass takes on at most for the sake of later phases, and of output gradients from which on that pays.
    private static let outputs = 48
    private static let inputs = 48

    init(_ plan: ValuePlan, _ schedule: Schedule, _ stacks: DenseStacks) {
        let nodes = plan.graph.nodes.count
        items = [[Item]](repeating: [], count: nodes)
        firstPhase = [Int?](repeating: nil, count: nodes)
        var waiting = stacks.sources.map { Set($0.map(\.reader)) }
        func channels(_ nodes: some Sequence<Int>) -> Int { nodes.reduce(0) { $0 + plan.graph.shapes[$1].channels } }
        let phase = schedule.firstBackward
        // In the order of the backward sweep.
        let due = plan.order.filter { plan.needsGradient[$0] && !waiting[$0].isEmpty }.sorted { (phase[$0], $1) < (phase[$1], $0) }
        for (place, index) in due.enumerated() where !waiting[index].isEmpty {
            let readers = waiting[index]
            let isLong = channels(readers) >= GatherPlan.inputs
            var values: [Int] = []
            for other in due[place...] where readers.isSubset(of: waiting[other]) {
                let isDue = phase[other] == phase[index]
                if isDue || isLong && channels(values + [other]) <= GatherPlan.outputs { values.append(other) }
            }
            for value in values {
                waiting[value].subtract(readers)
                if firstPhase[value] == nil { firstPhase[value] = phase[index] }
            }
            items[index].append(Item(values: values, readers: readers.sorted()))
        }
    }
}
