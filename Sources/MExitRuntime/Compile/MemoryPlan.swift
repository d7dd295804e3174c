import CMExitKernels
import MExitIR

/// Where every value of one sample lies in its slot.
///
/// Values of one geometry (height, width, halo) share a region of planes: memory is reused plane by plane, so that the
/// zeros of the halos, written once, stay zero whatever value uses a plane. A concat's inputs are placed inside its own
/// planes where possible, which makes the concat free: the dense feature stack of an MSDNet scale is one buffer that grows
/// from layer to layer.
struct MemoryPlan {
    /// Layout of each stored value, and the offset in floats of its pixel (0, 0, 0) from the start of the slot.
    struct Place {
        let map: mexit_map
        let offset: Int
    }

    /// By value; nil for values that are never stored (fused away or not compiled).
    private(set) var places: [Place?]
    /// Floats of one slot, slack included.
    private(set) var slotFloats = 0
    /// Floats that a plan without any waste would need at the fullest moment: the bound to compare `slotFloats` with.
    private(set) var leastFloats = 0

    /// Planes of one geometry.
    private struct Geometry: Hashable {
        let height: Int
        let width: Int
        let halo: Int
    }

    /// A buffer: the root value with everything that is placed inside it.
    private struct Buffer {
        let root: Int
        let geometry: Geometry
        let channels: Int
        var firstWrite: Int
        var lastRead: Int
        var firstChannel = 0
    }

    /// Where a value lies: inside the buffer of `root`, from `channel` on.
    private struct Storage {
        var root: Int
        var channel: Int
    }

    private let graph: Graph
    private var storage: [Storage?]
    private var halos: [Geometry: Int] = [:]

    /// - Parameters:
    ///   - operations: all fused operations, in execution order.
    ///   - logits: values that stay readable to the end.
    init(graph: Graph, operations: [FusedOperation], logits: [Int]) {
        self.graph = graph
        places = Array(repeating: nil, count: graph.nodes.count)
        storage = Array(repeating: nil, count: graph.nodes.count)
        findHalos(operations)
        placeInsideConcats(operations)
        var buffers = lifetimes(operations, logits: logits)
        assign(&buffers, end: operations.count)
    }

    /// True when the value lies exactly where an input placed in a concat (or behind a free flatten) should be.
    func isPlaced(_ value: Int, inside concat: Int, atChannel channel: Int) -> Bool {
        guard let inner = storage[value], let outer = storage[concat] else { return false }
        return inner.root == outer.root && inner.channel == outer.channel + channel
    }

    private func size(_ value: Int) -> Geometry {
        Geometry(height: graph.shapes[value].height, width: graph.shapes[value].width, halo: 0)
    }

    /// The halo depends on height and width alone: the largest padding that any convolution over such a map asks for.
    /// So a convolution that keeps the size has equal row strides at both ends, as the flat kernels want. Vectors have none.
    private mutating func findHalos(_ operations: [FusedOperation]) {
        for operation in operations {
            if case .conv2d(let conv, _) = operation.kind {
                halos[size(operation.inputs[0]), default: 0] = max(halos[size(operation.inputs[0])] ?? 0, conv.padding)
            }
        }
    }

    private func geometry(_ value: Int) -> Geometry {
        let size = size(value)
        if case .vector = graph.shapes[value] { return size }
        return Geometry(height: size.height, width: size.width, halo: halos[size] ?? 0)
    }

    /// Walks backwards, so that the last (largest) concat of a dense chain becomes the buffer of all before it.
    private mutating func placeInsideConcats(_ operations: [FusedOperation]) {
        for operation in operations.reversed() {
            let output = operation.output
            if storage[output] == nil { storage[output] = Storage(root: output, channel: 0) }
            switch operation.kind {
            case .concat, .flatten: break
            default: continue
            }
            guard let outer = storage[output] else { continue }
            var channel = outer.channel
            for input in operation.inputs {
                if storage[input] == nil, geometry(input) == geometry(output) {
                    storage[input] = Storage(root: outer.root, channel: channel)
                }
                channel += graph.shapes[input].channels
            }
        }
        if storage[0] == nil { storage[0] = Storage(root: 0, channel: 0) }
    }

    private func lifetimes(_ operations: [FusedOperation], logits: [Int]) -> [Buffer] {
        var buffers: [Int: Buffer] = [:]
        func touch(_ value: Int, from first: Int, to last: Int) {
            guard let root = storage[value]?.root else { return }
            var buffer = buffers[root] ?? Buffer(
                root: root, geometry: geometry(root), channels: graph.shapes[root].channels, firstWrite: first, lastRead: last)
            buffer.firstWrite = min(buffer.firstWrite, first)
            buffer.lastRead = max(buffer.lastRead, last)
            buffers[root] = buffer
        }
        touch(0, from: -1, to: -1)
        for (time, operation) in operations.enumerated() {
            for value in operation.inputs + [operation.output] { touch(value, from: time, to: time) }
        }
        for value in logits { touch(value, from: operations.count, to: operations.count) }
        return buffers.values.sorted { ($0.firstWrite, $0.root) < ($1.firstWrite, $1.root) }
    }

    /// Largest buffers first, each at the lowest planes that are free for all of its life.
    private mutating func assign(_ buffers: inout [Buffer], end: Int) {
        var regions: [Geometry: [Int]] = [:]
        for index in buffers.indices { regions[buffers[index].geometry, default: []].append(index) }
        let slack = Int(MEXIT_READ_SLACK)
        slotFloats = slack
        var live = [Int](repeating: 0, count: end + 2)
        for geometry in regions.keys.sorted(by: { ($0.height * $0.width, $0.height, $0.halo) > ($1.height * $1.width, $1.height, $1.halo) }) {
            let members = regions[geometry] ?? []
            let plane = Int(MemoryPlan.map(channels: 1, geometry).channel_stride)
            // Vectors: one "plane" is a float; starts are rounded so that no two values share a cache line.
            let grain = plane == 1 ? 16 : 1
            var placed: [Int] = []
            var planes = 0
            for index in members.sorted(by: { (-buffers[$0].channels, $0) < (-buffers[$1].channels, $1) }) {
                let first = MemoryPlan.lowestGap(for: buffers[index], among: placed.map { buffers[$0] }, grain: grain)
                buffers[index].firstChannel = first
                planes = max(planes, first + buffers[index].channels)
                placed.append(index)
                for time in buffers[index].firstWrite...buffers[index].lastRead { live[time + 1] += buffers[index].channels * plane }
            }
            for index in members { place(buffers[index], regionOffset: slotFloats, plane: plane) }
            slotFloats += (planes * plane + 15) / 16 * 16
        }
        slotFloats += slack
        leastFloats = live.max() ?? 0
    }

    private static func lowestGap(for buffer: Buffer, among placed: [Buffer], grain: Int) -> Int {
        let rivals = placed.filter { $0.firstWrite <= buffer.lastRead && buffer.firstWrite <= $0.lastRead }
            .sorted { $0.firstChannel < $1.firstChannel }
        var first = 0
        for rival in rivals {
            if first + buffer.channels <= rival.firstChannel { break }
            first = max(first, (rival.firstChannel + rival.channels + grain - 1) / grain * grain)
        }
        return first
    }

    private mutating func place(_ buffer: Buffer, regionOffset: Int, plane: Int) {
        for value in storage.indices {
            guard let inside = storage[value], inside.root == buffer.root else { continue }
            let map = MemoryPlan.map(channels: graph.shapes[value].channels, geometry(value))
            var origin = map
            let channel = buffer.firstChannel + inside.channel
            places[value] = Place(map: map, offset: regionOffset + channel * plane + Int(mexit_map_origin(&origin)))
        }
    }

    private static func map(channels: Int, _ geometry: Geometry) -> mexit_map {
        mexit_map_make(Int32(channels), Int32(geometry.height), Int32(geometry.width), Int32(geometry.halo))
    }
}
