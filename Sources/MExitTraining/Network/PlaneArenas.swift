import CMExitKernels
import MExitIR

/// Height and width of planes: values of one geometry share layout and arena.
struct Geometry: Hashable {
    let height: Int
    let width: Int

    init(_ shape: Shape) {
        height = shape.height
        width = shape.width
    }
}

/// One halo per geometry, so that maps of one size have one row stride (which the fast kernels want) and memory can pass
/// from one value to another without clearing halos.
struct Layouts {
    private var halos: [Geometry: Int] = [:]

    /// The widest halo that a convolution needs: its padding on what it reads; dilation (kernel - 1) - padding, in strides, on the
    /// gradient of what it writes, which backward reads as a transposed convolution.
    init(graph: Graph) throws {
        for (index, node) in graph.nodes.enumerated() {
            let shape = graph.shapes[index]
            for size in shape.dimensions + [shape.count] where size > Int(Int32.max) / 4 {
                throw NetworkError("cannot train \(node.name): its value is \(shape); sizes up to \(Int32.max / 4) are supported")
            }
            guard case .conv2d(let conv) = node.operation else { continue }
            let back = conv.dilation * (max(conv.kernelHeight, conv.kernelWidth) - 1) - conv.padding
            halos[Geometry(graph.shapes[node.inputs[0]]), default: 0].raise(to: conv.padding)
            halos[Geometry(shape), default: 0].raise(to: (back + conv.stride - 1) / conv.stride)
        }
    }

    func map(_ shape: Shape) -> mexit_map {
        map(channels: shape.channels, Geometry(shape), isVector: shape.dimensions.count == 1)
    }

    func map(channels: Int, _ geometry: Geometry, isVector: Bool) -> mexit_map {
        let halo = isVector ? 0 : halos[geometry, default: 0]
        return mexit_map_make(Int32(channels), Int32(geometry.height), Int32(geometry.width), Int32(halo))
    }
}

extension Int {
    fileprivate mutating func raise(to other: Int) { self = Swift.max(self, other) }
}

/// A run of planes that is needed for some time. Time is any increasing count of steps.
struct PlaneBlock {
    /// Layout of one plane; channels do not matter.
    let map: mexit_map
    let planes: Int
    let lifetime: ClosedRange<Int>
}

/// Memory for blocks of planes of every sample of a batch. Blocks of one layout share an arena, and blocks whose lifetimes
/// do not meet share planes. Halos are zero at first and stay so, because only interiors are written. A block's samples stand back to
/// back: what a step reads from memory is then one long stream, which the processor fetches ahead, not a short one per sample.
struct PlaneArenas {
    private struct Key: Hashable {
        let height, width, halo: Int32
        let channelStride: Int64
    }

    /// By block: pixel (0, 0) of sample 0, and floats from sample to sample.
    private var firsts: [UnsafeMutablePointer<Float>] = []
    private var strides: [Int]

    init(blocks: [PlaneBlock], batch: Int, keep: Keep) throws {
        strides = blocks.map { $0.planes * Int($0.map.channel_stride) }
        var placed = [UnsafeMutablePointer<Float>?](repeating: nil, count: blocks.count)
        let groups = Dictionary(grouping: blocks.indices) { index in
            let map = blocks[index].map
            return Key(height: map.height, width: map.width, halo: map.halo, channelStride: map.channel_stride)
        }
        for members in groups.values.sorted(by: { $0[0] < $1[0] }) {
            let (places, planes) = PlaneArenas.pack(members.map { blocks[$0] })
            let map = blocks[members[0]].map
            let (floats, overflow) = planes.multipliedReportingOverflow(by: Int(map.channel_stride))
            let (all, overflow2) = floats.multipliedReportingOverflow(by: batch)
            let slack = Int(MEXIT_READ_SLACK)
            // Pixel (0, 0) of every plane on a 64-byte boundary: loads of 1x1 convolutions then never cross a cache line.
            let lead = (16 - PlaneArenas.origin(map) % 16) % 16
            let (total, overflow3) = all.addingReportingOverflow(2 * slack + lead)
            guard !overflow, !overflow2, !overflow3 else {
                throw NetworkError("cannot lay out \(planes) planes of \(map.height) x \(map.width) for \(batch) samples: too large for memory; use a smaller batch")
            }
            let base = try keep.allocate(Float.self, count: total) + slack + lead + PlaneArenas.origin(map)
            for (member, place) in zip(members, places) { placed[member] = base + place * batch * Int(map.channel_stride) }
        }
        firsts = placed.compactMap(\.self)
    }

    private static func origin(_ map: mexit_map) -> Int { withUnsafePointer(to: map) { Int(mexit_map_origin($0)) } }

    /// Pixel (0, 0) of a block's first plane.
    func pointer(block: Int, sample: Int) -> UnsafeMutablePointer<Float> {
        firsts[block] + sample * strides[block]
    }

    /// Lowest place for each block, largest first, clear of those placed before that live at the same time.
    private static func pack(_ blocks: [PlaneBlock]) -> (places: [Int], planes: Int) {
        var places = [Int](repeating: 0, count: blocks.count)
        var placed: [Int] = []
        var end = 0
        for index in blocks.indices.sorted(by: { (-blocks[$0].planes, $0) < (-blocks[$1].planes, $1) }) {
            let block = blocks[index]
            let neighbours = placed.filter { blocks[$0].lifetime.overlaps(block.lifetime) }.sorted { places[$0] < places[$1] }
            var place = 0
            for other in neighbours {
                if places[other] >= place + block.planes { break }
                place = max(place, places[other] + blocks[other].planes)
            }
            places[index] = place
            placed.append(index)
            end = max(end, place + block.planes)
        }
        return (places, end)
    }
}
