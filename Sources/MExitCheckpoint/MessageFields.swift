import CMExitProto

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The memory that unpacking a message may take in all. A repeated message of two bytes becomes a struct of a hundred, so
/// that the length of the packed bytes alone is no bound.
package struct UnpackBudget {
    package static let bytes = 256 << 20

    /// Runs `body` with an allocator that gives out at most so many bytes, counting every allocation and no release.
    package static func withAllocator<Result>(bytes: Int = Self.bytes, _ body: (UnsafeMutablePointer<ProtobufCAllocator>) throws -> Result) rethrows -> Result {
        var left = bytes
        return try withUnsafeMutablePointer(to: &left) { left in
            var allocator = ProtobufCAllocator(
                alloc: { left, size in
                    guard let left = left?.assumingMemoryBound(to: Int.self), size <= left.pointee else { return nil }
                    left.pointee -= size
                    return malloc(max(size, 1))
                },
                free: { _, pointer in free(pointer) },
                allocator_data: UnsafeMutableRawPointer(left))
            return try withUnsafeMutablePointer(to: &allocator, body)
        }
    }
}

/// The elements of a repeated field.
func repeated<Element>(_ elements: UnsafeMutablePointer<Element>?, _ count: Int) -> UnsafeBufferPointer<Element> {
    UnsafeBufferPointer(start: elements, count: elements == nil ? 0 : count)
}

/// A string of a message, which protobuf-c ends with a NUL but does not check.
func decodedString(_ pointer: UnsafePointer<CChar>?, _ what: @autoclosure () -> String) throws -> String {
    guard let pointer else { return "" }
    guard let text = String(validatingCString: pointer) else {
        throw CheckpointError(.malformed, "\(what()) is not valid UTF-8")
    }
    return text
}

/// A name of a message, checked.
func decodedName(_ pointer: UnsafePointer<CChar>?, _ what: @autoclosure () -> String, limit: Int = TextRules.largestNameBytes) throws -> String {
    let name = try decodedString(pointer, "the name of \(what())")
    try TextRules.checkName(name, what(), limit: limit)
    return name
}

/// A text of a message, checked.
func decodedText(_ pointer: UnsafePointer<CChar>?, _ what: @autoclosure () -> String) throws -> String {
    let text = try decodedString(pointer, what())
    try TextRules.checkText(text, what())
    return text
}

/// A number for a message's unsigned field.
func unsigned<Number: UnsignedInteger & FixedWidthInteger>(_ value: Int, _ what: @autoclosure () -> String) throws -> Number {
    guard let number = Number(exactly: value) else {
        throw CheckpointError(.badModel, "\(what()) is \(value); a checkpoint holds 0 ... \(Number.max)")
    }
    return number
}

/// A message's number as an `Int`.
func integer(_ value: UInt64, _ what: @autoclosure () -> String) throws -> Int {
    guard let number = Int(exactly: value) else {
        throw CheckpointError(.malformed, "\(what()) is \(value); at most \(Int.max) is allowed")
    }
    return number
}
