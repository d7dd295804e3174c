import CMExitKernels
import MExitIR

/// Gradients with respect to values: for each value and each loss that reaches it. A buffer lives from the first phase that
/// writes into it to the last that reads it; after that its planes serve other values.
///
/// Values that a concat placed in one buffer share a buffer here, too, per loss, so that a concat's backward costs nothing; where
/// all its readers are in a ``DenseStacks``, nobody writes to the whole, and each value has a buffer of its own. The gradients of
/// a stack's readers stand back to back, per loss. A batch norm's input has its gradient where the norm's own was, if nothing else
/// reads the input.
struct GradientMemory {
    /// Where one operation writes one loss's gradient of one of its inputs.
    struct Target {
        let rows: Rows
        /// Something is there to add to.
        let accumulate: Bool
        /// Planes to clear before accumulating, where another writer has covered only part: channels of the value.
        let clear: [Range<Int>]
    }

    /// A buffer of one loss, named after a node.
    private struct Key: Hashable {
        let home: Int
        let loss: Int
    }

    private let plan: ValuePlan
    private let stacks: DenseStacks
    /// By node: the node whose buffer it is in, and its first channel there.
    private var home: [Int]
    private var channel: [Int]
    private var rows: [Key: Rows] = [:]
    /// Which channels of a buffer have a gradient by now, in the order of the backward sweep.
    private var written: [Key: [Bool]] = [:]
    private let maps: [UnsafePointer<mexit_map>]
    private let keep: Keep
    private let batch: Int

    init(
        plan: ValuePlan, schedule: Schedule, stacks: DenseStacks, gathers: GatherPlan, maps: [UnsafePointer<mexit_map>], batch: Int,
        keep: Keep
    ) throws {
        self.plan = plan
        self.stacks = stacks
        self.maps = maps
        self.keep = keep
        self.batch = batch
        home = Array(plan.graph.nodes.indices)
        channel = [Int](repeating: 0, count: plan.graph.nodes.count)

        var blocks: [PlaneBlock] = []
        var owners: [(key: Key, block: Int, plane: Int)] = []
        func add(_ key: Key, planes: Int, phases: ClosedRange<Int>) {
            owners.append((key, blocks.count, 0))
            blocks.append(PlaneBlock(map: maps[key.home].pointee, planes: planes, lifetime: phases))
        }
        let groups = GradientMemory.sharing(plan, stacks)
        let inPlace = GradientMemory.inPlace(plan, groups, stacks)
        let lifetimes = GradientLifetimes(plan, schedule, stacks, gathers, inPlace)
        for group in groups where inPlace[group[0]] == nil {
            for index in group where group.count > 1 {
                home[index] = plan.placement.root[index]
                channel[index] = plan.placement.channel[index]
            }
            for loss in Set(group.flatMap { plan.losses($0) }).sorted() {
                let own = group.filter { plan.losses($0).contains(loss) }
                let planes = own.map { channel[$0] + plan.graph.shapes[$0].channels }.max() ?? 0
                let phases = own.map { lifetimes.phases(of: $0, loss: loss) }
                guard let begin = phases.map(\.lowerBound).min(), let end = phases.map(\.upperBound).max() else { continue }
                add(Key(home: home[group[0]], loss: loss), planes: planes, phases: begin...end)
            }
        }
        for readers in stacks.readers.values.sorted(by: { $0[0] < $1[0] }) {
            for loss in Set(readers.flatMap { plan.losses($0) }).sorted() {
                let own = readers.filter { plan.losses($0).contains(loss) }
                let phases = own.map { lifetimes.phases(of: $0, loss: loss) }
                guard let begin = phases.map(\.lowerBound).min(), let end = phases.map(\.upperBound).max() else { continue }
                var plane = 0
                for reader in own {
                    owners.append((Key(home: reader, loss: loss), blocks.count, plane))
                    plane += plan.graph.shapes[reader].channels
                }
                blocks.append(PlaneBlock(map: maps[own[0]].pointee, planes: plane, lifetime: begin...end))
            }
        }
        let arenas = try PlaneArenas(blocks: blocks, batch: batch, keep: keep)
        for owner in owners {
            let shift = owner.plane * Int(maps[owner.key.home].pointee.channel_stride)
            rows[owner.key] = try Rows(count: batch, keep: keep) { arenas.pointer(block: owner.block, sample: $0) + shift }
            let planes = stacks.isReader[owner.key.home] ? plan.graph.shapes[owner.key.home].channels : blocks[owner.block].planes
            written[owner.key] = [Bool](repeating: false, count: planes)
        }
        for (norm, input) in inPlace {
            for loss in plan.losses(norm) {
                rows[Key(home: norm, loss: loss)] = rows[Key(home: input, loss: loss)]
                written[Key(home: norm, loss: loss)] = [Bool](repeating: false, count: plan.graph.shapes[norm].channels)
            }
        }
    }

    /// Batch norms whose input's gradient takes the place of their own: by norm, the input.
    private static func inPlace(_ plan: ValuePlan, _ groups: [[Int]], _ stacks: DenseStacks) -> [Int: Int] {
        var readers = [Int](repeating: 0, count: plan.graph.nodes.count)
        for index in plan.order {
            for input in plan.inputs(of: index) { readers[input] += 1 }
        }
        for exit in plan.graph.exits { readers[exit.logits] += 1 }
        let alone = Set(groups.filter { $0.count == 1 }.joined())
        var result: [Int: Int] = [:]
        for index in plan.order where plan.isNorm(index) && alone.contains(index) {
            let input = plan.inputs(of: index)[0]
            guard input != 0, readers[input] == 1, !plan.isNorm(input), alone.contains(input) || stacks.isReader[input] else { continue }
            result[index] = input
        }
        return result
    }

    /// The nodes whose gradients share a buffer; readers of stacks, and concats that nobody writes to, are in none.
    private static func sharing(_ plan: ValuePlan, _ stacks: DenseStacks) -> [[Int]] {
        var members: [Int: [Int]] = [:]
        for index in plan.order where plan.needsGradient[index] && !stacks.isReader[index] {
            members[plan.placement.root[index], default: []].append(index)
        }
        var written = Set(plan.graph.exits.map(\.logits))
        for index in plan.order where !stacks.isReader[index] {
            var at = 0
            for input in plan.inputs(of: index) {
                if case .concat = plan.graph.nodes[index].operation, plan.isPlaced(input, in: index, at: at) {
                    // Its place is part of the concat's.
                } else {
                    written.insert(input)
                    // What a copying concat copies, it reads from its own buffer.
                    if case .concat = plan.graph.nodes[index].operation { written.insert(index) }
                }
                at += plan.graph.shapes[input].channels
            }
        }
        func isConcat(_ index: Int) -> Bool {
            if case .concat = plan.graph.nodes[index].operation { return true }
            return false
        }
        return members.sorted { $0.key < $1.key }.flatMap { _, group -> [[Int]] in
            let concats = group.filter(isConcat)
            if concats.isEmpty || concats.contains(where: written.contains) { return [group] }
            return group.filter { !isConcat($0) }.map { [$0] }
        }
    }

    /// The gradient of a value, one entry per loss that reaches it. All readers' backward steps have written it.
    func gradients(of index: Int) throws -> [Rows] {
        try plan.losses(index).map { try rows(of: index, loss: $0) }
    }

    /// Where to write the gradient of `input` for each of `losses`, or nil when nobody needs it. To be asked once per write, in
    /// the order of the backward sweep.
    mutating func targets(of input: Int, losses: [Int]) throws -> [Target]? {
        guard input != 0, plan.needsGradient[input] else { return nil }
        let first = channel[input]
        let channels = first..<first + plan.graph.shapes[input].channels
        return try losses.map { loss in
            let key = Key(home: home[input], loss: loss)
            let rows = try rows(of: input, loss: loss)
            guard let flags = written[key] else { throw NetworkError("node \(input) has no gradient for loss \(loss)") }
            let missing = channels.filter { !flags[$0] }
            for channel in missing { written[key]?[channel] = true }
            if missing.count == channels.count { return Target(rows: rows, accumulate: false, clear: []) }
            return Target(rows: rows, accumulate: true, clear: GradientMemory.runs(missing.map { $0 - first }))
        }
    }

    /// The gradient of a value for one loss, one entry per sample.
    func rows(of index: Int, loss: Int) throws -> Rows {
        guard let base = rows[Key(home: home[index], loss: loss)] else {
            throw NetworkError("node \(index) has no gradient for loss \(loss)")
        }
        if channel[index] == 0 { return base }
        let shift = channel[index] * Int(maps[index].pointee.channel_stride)
        return try Rows(count: batch, keep: keep) { base[$0] + shift }
    }

    /// Ascending numbers as ranges.
    private static func runs(_ numbers: [Int]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound == number {
                ranges[ranges.count - 1] = last.lowerBound..<number + 1
            } else {
                ranges.append(number..<number + 1)
            }
        }
        return ranges
    }
}

/// From which to which phase of the backward sweep the gradient of a value is needed.
private struct GradientLifetimes {
    private let plan: ValuePlan
    private let schedule: Schedule
    private let gathers: GatherPlan
    /// By node.
    private var readers: [[Int]]
    /// By convolution of a stack: the values that are gathered from it.
    private var gatherers: [Int: [Int]] = [:]
    /// By value: the norm whose gradient stands in the same place before.
    private var norms: [Int: Int] = [:]

    init(_ plan: ValuePlan, _ schedule: Schedule, _ stacks: DenseStacks, _ gathers: GatherPlan, _ inPlace: [Int: Int]) {
        self.plan = plan
        self.schedule = schedule
        self.gathers = gathers
        readers = [[Int]](repeating: [], count: plan.graph.nodes.count)
        for index in plan.order where !stacks.isReader[index] {
            for input in plan.inputs(of: index) { readers[input].append(index) }
        }
        for (norm, input) in inPlace { norms[input] = norm }
        for (index, sources) in stacks.sources.enumerated() {
            for source in sources { gatherers[source.reader, default: []].append(index) }
        }
    }

    func phases(of index: Int, loss: Int) -> ClosedRange<Int> {
        var begin = schedule.firstBackward[index]
        for reader in readers[index] where plan.losses(reader).contains(loss) { begin = min(begin, schedule.lastBackward[reader]) }
        if let first = gathers.firstPhase[index] { begin = min(begin, first) }
        var end = schedule.lastBackward[index]
        for gatherer in gatherers[index] ?? [] { end = max(end, schedule.firstBackward[gatherer]) }
        if let norm = norms[index] { begin = min(begin, phases(of: norm, loss: loss).lowerBound) }
        return begin...max(begin, end)
    }
}
