import CMExitKernels
import MExitIR

/// Where every value of one sample lies in its slot.
///
/// Values share memory over time (`BufferPlacement`). A concat's inputs are placed inside its own planes where possible, which
/// makes the concat free: the dense feature stack of an MSDNet scale is one buffer that grows from layer to layer. Kernels
/// write interior pixels only, so the zeros of a halo stay for as long as planes of the same layout use that memory; where
/// another layout has been there, and a convolution will read the halo, the plan says so in `clears`.
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

    /// Planes whose halos must be zeroed before the operation of that number runs, in the order of operations.
    private(set) var clears: [(operation: Int, place: Place)] = []

    /// The layout of a plane.
    struct Geometry: Hashable {
        let height: Int
        let width: Int
        let halo: Int
    }

    /// A buffer: the root value with everything that is placed inside it.
    struct Buffer {
        let root: Int
        let geometry: Geometry
        let channels: Int
        /// Operations between which it is in use: -1 is loading the input, the number of operations is reading logits.
        var firstWrite: Int
        var lastRead: Int
        /// Channels whose halos a convolution reads, which must be zero; empty for none.
        var zeros = 0..<0
        /// Floats of one plane, and of all.
        var plane = 0
        var floats = 0
        /// From the start of all buffers.
        var offset = 0
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
        for operation in operations {
            let input = operation.inputs[0]
            guard case .conv2d(let conv, _) = operation.kind, conv.padding > 0, let inside = storage[input], let buffer = buffers[inside.root]
            else { continue }
            let read = inside.channel..<inside.channel + graph.shapes[input].channels
            buffers[inside.root]?.zeros =
                buffer.zeros.isEmpty
                ? read : min(buffer.zeros.lowerBound, read.lowerBound)..<max(buffer.zeros.upperBound, read.upperBound)
        }
        return buffers.values.sorted { ($0.firstWrite, $0.root) < ($1.firstWrite, $1.root) }
    }

    private mutating func assign(_ buffers: inout [Buffer], end: Int) throws {
        for index in buffers.indices {
            buffers[index].plane = Int(MemoryPlan.map(channels: 1, buffers[index].geometry).channel_stride)
            let (floats, overflow) = buffers[index].plane.multipliedReportingOverflow(by: buffers[index].channels)
            guard !overflow, floats <= MemoryPlan.maximumFloats else { throw MemoryPlan.tooLarge }
            // Whole cache lines, so that no two vectors share one.
            buffers[index].floats = (floats + 15) / 16 * 16
        }
        let floats = try BufferPlacement.place(&buffers)
        let slack = Int(MEXIT_READ_SLACK)
        slotFloats = floats + 2 * slack
        leastFloats = MemoryPlan.mostLive(buffers, end: end)
        place(buffers, slack)
        for index in BufferPlacement.dirty(buffers) {
            let buffer = buffers[index]
            let start = slack + buffer.offset + buffer.zeros.lowerBound * buffer.plane
            clears.append((max(buffer.firstWrite, 0), MemoryPlan.place(channels: buffer.zeros.count, buffer.geometry, at: start)))
        }
    }

    /// Floats of a slot that are refused: far beyond any machine, and sums of a few such numbers stay inside `Int`.
    static let maximumFloats = 1 << 50
    static let tooLarge = RuntimeError(
        .badModel, "one sample would need over \(maximumFloats) floats of memory; use a smaller input or a smaller model")

    /// Floats of the values that are alive at the fullest moment.
    private static func mostLive(_ buffers: [Buffer], end: Int) -> Int {
        var changes = [Int](repeating: 0, count: end + 3)
        for buffer in buffers {
            changes[buffer.firstWrite + 1] += buffer.channels * buffer.plane
            changes[buffer.lastRead + 2] -= buffer.channels * buffer.plane
        }
        var live = 0
        return changes.reduce(0) { most, change in
            live += change
            return max(most, live)
        }
    }

    private mutating func place(_ buffers: [Buffer], _ start: Int) {
        let ofRoot = Dictionary(uniqueKeysWithValues: buffers.map { ($0.root, $0) })
        for value in storage.indices {
            guard let inside = storage[value], let buffer = ofRoot[inside.root] else { continue }
            places[value] = MemoryPlan.place(
                channels: graph.shapes[value].channels, geometry(value), at: start + buffer.offset + inside.channel * buffer.plane)
        }
    }

    private static func place(channels: Int, _ geometry: Geometry, at offset: Int) -> Place {
        var map = map(channels: channels, geometry)
        return Place(map: map, offset: offset + Int(mexit_map_origin(&map)))
    }

    private static func map(channels: Int, _ geometry: Geometry) -> mexit_map {
        mexit_map_make(Int32(channels), Int32(geometry.height), Int32(geometry.width), Int32(geometry.halo))
    }
}
