/// Something a kernel must leave alone was changed, or two results differ.
public struct TestSupportError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// Floats with NaN guards on both sides: a read beyond the ends shows up as NaN in a result, and ``checkGuards()`` finds a
/// write beyond them.
public final class GuardedBuffer {
    /// Floats of guard on each side.
    public static let guardCount = 128
    private static let guardBits: UInt32 = 0x7FC0_DEAD

    private let memory: UnsafeMutablePointer<Float>
    private let leading: Int
    public let count: Int

    /// The first of `count` floats, which start as zero.
    public var pointer: UnsafeMutablePointer<Float> { memory + leading }

    /// - Parameter misalignment: floats past a 64-byte boundary at which the buffer starts.
    public init(count: Int, misalignment: Int = 0) {
        precondition(count >= 0 && (0..<16).contains(misalignment))
        self.count = count
        leading = Self.guardCount + misalignment
        let total = leading + count + Self.guardCount
        memory = UnsafeMutableRawPointer.allocate(byteCount: total * 4, alignment: 64)
            .initializeMemory(as: Float.self, repeating: Float(bitPattern: Self.guardBits), count: total)
        pointer.update(repeating: 0, count: count)
    }

    public convenience init(_ values: [Float], misalignment: Int = 0) {
        self.init(count: values.count, misalignment: misalignment)
        for (index, value) in values.enumerated() { pointer[index] = value }
    }

    deinit { memory.deallocate() }

    public var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    /// - Throws: ``TestSupportError`` when a float outside the buffer was written.
    public func checkGuards() throws {
        for index in 0..<leading where memory[index].bitPattern != Self.guardBits {
            throw TestSupportError("float \(index - leading) before the buffer was overwritten with \(memory[index])")
        }
        for index in 0..<Self.guardCount where pointer[count + index].bitPattern != Self.guardBits {
            throw TestSupportError("float \(index) after the buffer was overwritten with \(pointer[count + index])")
        }
    }
}
