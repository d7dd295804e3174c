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
    /// - Throws: ``RuntimeError`` when a sample would need more memory than any machine has.
    init(graph: Graph, operations: [FusedOperation], logits: [Int]) throws {
        self.graph = graph
        places = Array(repeating: nil, count: graph.nodes.count)
        storage = Array(repeating: nil, count: graph.nodes.count)
        findHalos(operations)
        placeInsideConcats(operations)
        var buffers = lifetimes(operations, logits: logits)
        try assign(&buffers, end: operations.count)
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

    /// One region per geometry, one behind the other.
    private mutating func assign(_ buffers: inout [Buffer], end: Int) throws {
        var regions: [Geometry: [Int]] = [:]
        for index in buffers.indices { regions[buffers[index].geometry, default: []].append(index) }
        let slack = Int(MEXIT_READ_SLACK)
        slotFloats = slack
        var offsets: [Geometry: Int] = [:]
        for geometry in regions.keys.sorted(by: { ($0.height * $0.width, $0.height, $0.halo) > ($1.height * $1.width, $1.height, $1.halo) }) {
            let plane = MemoryPlan.planeFloats(geometry)
            let planes = MemoryPlan.pack(regions[geometry] ?? [], of: &buffers, plane: plane)
            let (floats, overflow) = planes.multipliedReportingOverflow(by: plane)
            guard !overflow, floats <= MemoryPlan.maximumFloats - slotFloats else {
                throw RuntimeError(.badModel, "one sample would need over \(MemoryPlan.maximumFloats) floats of memory; use a smaller input or a smaller model")
            }
            offsets[geometry] = slotFloats
            slotFloats += (floats + 15) / 16 * 16
        }
        slotFloats += slack
        place(buffers, offsets)
        leastFloats = MemoryPlan.mostLive(buffers, end: end)
    }

    /// Floats of a slot that are refused: far beyond any machine, and sums of a few such numbers stay inside `Int`.
    private static let maximumFloats = 1 << 50

    private static func planeFloats(_ geometry: Geometry) -> Int { Int(map(channels: 1, geometry).channel_stride) }

    /// Largest buffers first, each at the lowest planes that are free for all of its life. Returns the planes needed.
    private static func pack(_ members: [Int], of buffers: inout [Buffer], plane: Int) -> Int {
        // Vectors: one "plane" is a float; starts are rounded so that no two values share a cache line.
        let grain = plane == 1 ? 16 : 1
        /// What is placed, by first plane.
        var placed: [(first: Int, end: Int, firstWrite: Int, lastRead: Int)] = []
        var planes = 0
        for index in members.sorted(by: { (-buffers[$0].channels, $0) < (-buffers[$1].channels, $1) }) {
            let buffer = buffers[index]
            var first = 0
            for rival in placed where rival.firstWrite <= buffer.lastRead && buffer.firstWrite <= rival.lastRead {
                if first + buffer.channels <= rival.first { break }
                first = max(first, (rival.end + grain - 1) / grain * grain)
            }
            buffers[index].firstChannel = first
            let end = first + buffer.channels
            planes = max(planes, end)
            var (low, high) = (0, placed.count)
            while low < high {
                let middle = (low + high) / 2
                if placed[middle].first <= first { low = middle + 1 } else { high = middle }
            }
            placed.insert((first, end, buffer.firstWrite, buffer.lastRead), at: low)
        }
        return planes
    }

    /// Floats of the values that are alive at the fullest moment.
    private static func mostLive(_ buffers: [Buffer], end: Int) -> Int {
        // Times run from -1 (the input is loaded) to `end` (logits are read).
        var changes = [Int](repeating: 0, count: end + 3)
        for buffer in buffers {
            let floats = buffer.channels * planeFloats(buffer.geometry)
            changes[buffer.firstWrite + 1] += floats
            changes[buffer.lastRead + 2] -= floats
        }
        var live = 0
        return changes.reduce(0) { most, change in
            live += change
            return max(most, live)
        }
    }

    private mutating func place(_ buffers: [Buffer], _ offsets: [Geometry: Int]) {
        let ofRoot = Dictionary(uniqueKeysWithValues: buffers.map { ($0.root, $0) })
        for value in storage.indices {
            guard let inside = storage[value], let buffer = ofRoot[inside.root], let offset = offsets[buffer.geometry] else { continue }
            let map = MemoryPlan.map(channels: graph.shapes[value].channels, geometry(value))
            var origin = map
            let channel = buffer.firstChannel + inside.channel
            places[value] = Place(
                map: map, offset: offset + channel * MemoryPlan.planeFloats(buffer.geometry) + Int(mexit_map_origin(&origin)))
        }
    }

    private static func map(channels: Int, _ geometry: Geometry) -> mexit_map {
        mexit_map_make(Int32(channels), Int32(geometry.height), Int32(geometry.width), Int32(geometry.halo))
    }
}
