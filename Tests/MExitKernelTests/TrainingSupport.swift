// What the tests of the training kernels share: samples in any layout between NaN guards, a seeded generator, and the
// comparison with references in double precision.
import CMExitKernels
import Testing

/// SplitMix64.
struct TrainingRandom: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func unit() -> Float { Float.random(in: -1...1, using: &self) }
    mutating func units(_ count: Int) -> [Float] { (0..<count).map { _ in unit() } }
}

/// `count` maps of one layout, each in memory of its own with NaN before and behind its planes and zero in its halo.
final class TrainingSamples {
    let map: mexit_map
    let count: Int
    private var memory: [UnsafeMutableBufferPointer<Float>] = []
    private let table: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>
    private let constTable: UnsafeMutablePointer<UnsafePointer<Float>?>
    private static let guardFloats = Int(MEXIT_READ_SLACK)

    init(_ map: mexit_map, count: Int) {
        self.map = map
        self.count = count
        table = .allocate(capacity: max(1, count))
        constTable = .allocate(capacity: max(1, count))
        var layout = map
        let floats = Int(mexit_map_floats(&layout)), origin = Int(mexit_map_origin(&layout))
        for sample in 0..<count {
            let buffer = UnsafeMutableBufferPointer<Float>.allocate(capacity: floats + 2 * Self.guardFloats)
            buffer.initialize(repeating: .nan)
            buffer[Self.guardFloats..<Self.guardFloats + floats].update(repeating: 0)
            memory.append(buffer)
            table[sample] = buffer.baseAddress.map { $0 + Self.guardFloats + origin }
            constTable[sample] = UnsafePointer(table[sample])
        }
    }

    deinit {
        memory.forEach { $0.deallocate() }
        table.deallocate()
        constTable.deallocate()
    }

    var pointers: UnsafePointer<UnsafeMutablePointer<Float>?> { UnsafePointer(table) }
    var constPointers: UnsafePointer<UnsafePointer<Float>?> { UnsafePointer(constTable) }
    var channels: Int { Int(map.channels) }
    var height: Int { Int(map.height) }
    var width: Int { Int(map.width) }

    private func index(_ c: Int, _ y: Int, _ x: Int) -> Int {
        var layout = map
        return Self.guardFloats + Int(mexit_map_origin(&layout)) + c * Int(map.channel_stride) + y * Int(map.row_stride) + x
    }
    subscript(sample: Int, c: Int, y: Int, x: Int) -> Float {
        get { memory[sample][index(c, y, x)] }
        set { memory[sample][index(c, y, x)] = newValue }
    }

    func forEach(_ body: (_ sample: Int, _ c: Int, _ y: Int, _ x: Int) -> Void) {
        for sample in 0..<count {
            for c in 0..<channels { for y in 0..<height { for x in 0..<width { body(sample, c, y, x) } } }
        }
    }
    func randomize(_ random: inout TrainingRandom) {
        for sample in 0..<count {
            for c in 0..<channels {
                for y in 0..<height { for x in 0..<width { self[sample, c, y, x] = random.unit() } }
            }
        }
    }
    func copy() -> TrainingSamples {
        let other = TrainingSamples(map, count: count)
        for sample in 0..<count { _ = other.memory[sample].update(fromContentsOf: memory[sample]) }
        return other
    }
    /// Interior pixels in the order sample, channel, row, column.
    var values: [Float] {
        var values: [Float] = []
        forEach { values.append(self[$0, $1, $2, $3]) }
        return values
    }
    /// The first float outside the interior that is no longer what it was.
    func damage() -> String? {
        for sample in 0..<count {
            var interior = [Bool](repeating: false, count: memory[sample].count)
            for c in 0..<channels { for y in 0..<height { for x in 0..<width { interior[index(c, y, x)] = true } } }
            let guards = Self.guardFloats, end = memory[sample].count - guards
            for (i, value) in memory[sample].enumerated() where !interior[i] {
                let isHalo = i >= guards && i < end
                if isHalo ? value != 0 : !value.isNaN { return "sample \(sample), float \(i - guards): \(value)" }
            }
        }
        return nil
    }
}

func trainingMap(_ channels: Int, _ height: Int, _ width: Int, halo: Int) -> mexit_map {
    mexit_map_make(Int32(channels), Int32(height), Int32(width), Int32(halo))
}

/// Every value within `terms` roundings of the largest product, `magnitude`, of the reference.
func expectClose(
    _ seen: [Float], _ reference: [Double], terms: Int, magnitude: Double = 1, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let tolerance = Double(terms + 4) * Double(Float.ulpOfOne) * magnitude
    guard seen.count == reference.count else {
        Issue.record("\(what): \(seen.count) values, expected \(reference.count)", sourceLocation: sourceLocation)
        return
    }
    // Written so that a NaN is a difference.
    let first = seen.indices.first { !(abs(Double(seen[$0]) - reference[$0]) <= tolerance) }
    guard let first else { return }
    Issue.record(
        "\(what): value \(first) is \(seen[first]), expected \(reference[first]) within \(tolerance)",
        sourceLocation: sourceLocation)
}
