import CMExitKernels
import MExitIR

/// Gradients with respect to values: for each value and each loss that reaches it. A buffer lives from the first reader's
/// backward step to the producer's; after that its planes serve earlier values.
///
/// Placed values share their root's buffer, per loss, so that a concat's backward costs nothing. A value that stands alone has
/// its losses' gradients back to back, `[losses, C, H, W]`, so that a convolution can treat them as one map of losses x C channels.
struct GradientMemory {
    /// Where one operation writes one loss's gradient of one of its inputs.
    struct Target {
        let rows: Rows
        /// Something is there to add to.
        let accumulate: Bool
        /// Planes to clear before accumulating, where another writer has covered only part: channels of the value.
        let clear: [Range<Int>]
    }

    private struct Key: Hashable {
        let root: Int
        let loss: Int
    }

    private let plan: ValuePlan
    private var rows: [Key: Rows] = [:]
    /// Which channels of a root have a gradient by now, in the order of the backward sweep.
    private var written: [Key: [Bool]] = [:]
    private var standsAlone: [Bool]
    private let maps: [UnsafePointer<mexit_map>]
    private let keep: Keep
    private let batch: Int

    init(plan: ValuePlan, maps: [UnsafePointer<mexit_map>], batch: Int, keep: Keep) throws {
        self.plan = plan
        self.maps = maps
        self.keep = keep
        self.batch = batch
        standsAlone = [Bool](repeating: false, count: plan.graph.nodes.count)
        let lastReader = GradientMemory.lastReaders(plan)
        var members: [Int: [Int]] = [:]
        for index in plan.order where plan.needsGradient[index] { members[plan.placement.root[index], default: []].append(index) }

        var blocks: [PlaneBlock] = []
        var owners: [(key: Key, block: Int, plane: Int)] = []
        for (root, group) in members.sorted(by: { $0.key < $1.key }) {
            if group == [root] {
                standsAlone[root] = true
                let channels = plan.graph.shapes[root].channels
                for (position, loss) in plan.losses(root).enumerated() {
                    owners.append((Key(root: root, loss: loss), blocks.count, position * channels))
                    written[Key(root: root, loss: loss)] = [Bool](repeating: false, count: channels)
                }
                let planes = channels * plan.losses(root).count
                blocks.append(PlaneBlock(map: maps[root].pointee, planes: planes, lifetime: root...max(root, lastReader[root])))
                continue
            }
            for loss in Set(group.flatMap { plan.losses($0) }).sorted() {
                let own = group.filter { plan.losses($0).contains(loss) }
                let planes = own.map { plan.placement.channel[$0] + plan.graph.shapes[$0].channels }.max() ?? 0
                let first = own.min() ?? root
                owners.append((Key(root: root, loss: loss), blocks.count, 0))
                written[Key(root: root, loss: loss)] = [Bool](repeating: false, count: planes)
                let last = own.map { max($0, lastReader[$0]) }.max() ?? first
                blocks.append(PlaneBlock(map: maps[root].pointee, planes: planes, lifetime: first...last))
            }
        }
        let arenas = try PlaneArenas(blocks: blocks, batch: batch, keep: keep)
        for owner in owners {
            let shift = owner.plane * Int(maps[owner.key.root].pointee.channel_stride)
            rows[owner.key] = try Rows(count: batch, keep: keep) { arenas.pointer(block: owner.block, sample: $0) + shift }
        }
    }

    /// The last node whose computation reads each value; the node itself when none does.
    private static func lastReaders(_ plan: ValuePlan) -> [Int] {
        var last = Array(plan.graph.nodes.indices)
        for index in plan.order {
            for input in plan.inputs(of: index) { last[input] = Swift.max(last[input], index) }
        }
        return last
    }

    /// The gradient of a value, one entry per loss that reaches it. All readers' backward steps have written it.
    func gradients(of index: Int) throws -> [Rows] {
        try plan.losses(index).map { try rows(of: index, loss: $0) }
    }

    /// The layout `[losses, C, H, W]` in one map, or nil when the gradients do not stand back to back.
    func stackedMap(of index: Int) -> mexit_map? {
        guard standsAlone[index] else { return nil }
        var map = maps[index].pointee
        let (channels, overflow) = map.channels.multipliedReportingOverflow(by: Int32(plan.losses(index).count))
        map.channels = channels
        return overflow ? nil : map
    }

    /// Where to write the gradient of `input` for each of `losses`, or nil when nobody needs it. To be asked once per write, in
    /// the order of the backward sweep.
    mutating func targets(of input: Int, losses: [Int]) throws -> [Target]? {
        guard input != 0, plan.needsGradient[input] else { return nil }
        let first = plan.placement.channel[input]
        let channels = first..<first + plan.graph.shapes[input].channels
        return try losses.map { loss in
            let key = Key(root: plan.placement.root[input], loss: loss)
            let rows = try rows(of: input, loss: loss)
            guard let flags = written[key] else { throw NetworkError("node \(input) has no gradient for loss \(loss)") }
            let missing = channels.filter { !flags[$0] }
            for channel in missing { written[key]?[channel] = true }
            if missing.count == channels.count { return Target(rows: rows, accumulate: false, clear: []) }
            return Target(rows: rows, accumulate: true, clear: GradientMemory.runs(missing.map { $0 - first }))
        }
    }

    private func rows(of index: Int, loss: Int) throws -> Rows {
        guard let base = rows[Key(root: plan.placement.root[index], loss: loss)] else {
            throw NetworkError("node \(index) has no gradient for loss \(loss)")
        }
        let channel = plan.placement.channel[index]
        if channel == 0 { return base }
        let shift = channel * Int(maps[index].pointee.channel_stride)
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
