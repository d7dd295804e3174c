public import CMExitKernels

/// The memory of one `mexit_map`: halo zero; read slack, guards and the padding between planes NaN. So a kernel that lets
/// a value from outside the image and its halo reach a result gives NaN, and ``check()`` finds stray writes.
public final class MapBuffer {
    public let map: mexit_map
    private let buffer: GuardedBuffer
    private static let paddingBits: UInt32 = 0x7FC0_BEEF

    /// Pixel (0, 0, 0), as kernels take it.
    public let pixels: UnsafeMutablePointer<Float>

    public init(_ map: mexit_map, misalignment: Int = 0) {
        var map = map
        self.map = map
        buffer = GuardedBuffer(count: Int(mexit_map_floats(&map)), misalignment: misalignment)
        pixels = buffer.pointer + Int(mexit_map_origin(&map))
        forEachPaddingFloat { buffer.pointer[$0] = Float(bitPattern: Self.paddingBits) }
    }

    /// - Parameter values: `[C, H, W]`, dense.
    public convenience init(_ map: mexit_map, _ values: [Float], misalignment: Int = 0) {
        self.init(map, misalignment: misalignment)
        self.values = values
    }

    /// The interior pixels, `[C, H, W]`, dense.
    public var values: [Float] {
        get {
            var result: [Float] = []
            result.reserveCapacity(Int(map.channels) * Int(map.height) * Int(map.width))
            forEachPixel { result.append(pixels[$0]) }
            return result
        }
        set {
            precondition(newValue.count == Int(map.channels) * Int(map.height) * Int(map.width))
            var index = 0
            forEachPixel {
                pixels[$0] = newValue[index]
                index += 1
            }
        }
    }

    /// - Throws: ``TestSupportError`` when anything but interior pixels was written.
    public func check() throws {
        try buffer.checkGuards()
        var expected = [UInt32?](repeating: 0, count: buffer.count)
        forEachPaddingFloat { expected[$0] = Self.paddingBits }
        let origin = pixels - buffer.pointer
        forEachPixel { expected[$0 + origin] = nil }
        for (index, bits) in expected.enumerated() {
            if let bits, buffer.pointer[index].bitPattern != bits {
                throw TestSupportError(
                    "float \(index) of the map's memory is outside the image and was overwritten with \(buffer.pointer[index])")
            }
        }
    }

    private func forEachPixel(_ body: (Int) -> Void) {
        for c in 0..<Int(map.channels) {
            for y in 0..<Int(map.height) {
                let row = c * Int(map.channel_stride) + y * Int(map.row_stride)
                for x in 0..<Int(map.width) { body(row + x) }
            }
        }
    }

    /// Floats of a plane that are neither image nor halo.
    private func forEachPaddingFloat(_ body: (Int) -> Void) {
        let used = (Int(map.height) + 2 * Int(map.halo)) * Int(map.row_stride) + Int(map.halo)
        for c in 0..<Int(map.channels) where used < Int(map.channel_stride) {
            for index in used..<Int(map.channel_stride) { body(c * Int(map.channel_stride) + index) }
        }
    }
}

/// Calls `body` with the maps' pixel pointers, as the kernels' `x` arguments want them.
public func withInputs<R>(_ maps: [MapBuffer], _ body: (UnsafePointer<UnsafePointer<Float>?>) throws -> R) rethrows -> R {
    let pointers: [UnsafePointer<Float>?] = maps.map { UnsafePointer($0.pixels) }
    return try pointers.withUnsafeBufferPointer { try body($0.baseAddress!) }
}

/// Calls `body` with the maps' pixel pointers, as the kernels' `y` arguments want them.
public func withOutputs<R>(_ maps: [MapBuffer], _ body: (UnsafePointer<UnsafeMutablePointer<Float>?>) throws -> R)
    rethrows -> R
{
    let pointers: [UnsafeMutablePointer<Float>?] = maps.map { $0.pixels }
    return try pointers.withUnsafeBufferPointer { try body($0.baseAddress!) }
}
