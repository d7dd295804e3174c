import CMExitProto

/// Finds NULs in the texts of a packed message.
///
/// protobuf-c hands out a text as a C string: what follows a NUL in it would vanish without a word, so that two files of
/// different names read alike. The packed bytes still know each text's length.
enum WireTexts {
    /// - Parameter descriptor: of the message's type; fields that it does not know are passed over.
    /// - Throws: ``CheckpointError`` naming the field. Complexity: O(bytes), without allocation.
    static func check(_ message: ArraySlice<UInt8>, as descriptor: UnsafePointer<ProtobufCMessageDescriptor>) throws {
        var rest = message
        while !rest.isEmpty {
            let key = try varint(&rest, descriptor)
            switch key & 7 {
            case 0: _ = try varint(&rest, descriptor)
            case 1: _ = try take(8, from: &rest, descriptor)
            case 2:
                let content = try take(try varint(&rest, descriptor), from: &rest, descriptor)
                guard let number = UInt32(exactly: key >> 3),
                    let field = protobuf_c_message_descriptor_get_field(descriptor, number)?.pointee
                else { continue }
                try check(content, of: field, in: descriptor)
            case 5: _ = try take(4, from: &rest, descriptor)
            default: throw damaged(descriptor)
            }
        }
    }

    private static func check(
        _ content: ArraySlice<UInt8>, of field: ProtobufCFieldDescriptor, in descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws {
        if field.type == PROTOBUF_C_TYPE_STRING, content.contains(0) {
            throw CheckpointError(
                .malformed,
                "field \(String(cString: field.name)) of \(name(descriptor)), '\(String(decoding: content.prefix { $0 != 0 }.prefix(200), as: UTF8.self))...', contains the character U+0000; control characters are not allowed")
        }
        if field.type == PROTOBUF_C_TYPE_MESSAGE, let inner = field.descriptor {
            try check(content, as: inner.assumingMemoryBound(to: ProtobufCMessageDescriptor.self))
        }
    }

    private static func take(
        _ count: some BinaryInteger, from rest: inout ArraySlice<UInt8>, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw damaged(descriptor) }
        defer { rest = rest.dropFirst(Int(count)) }
        return rest.prefix(Int(count))
    }

    private static func varint(
        _ rest: inout ArraySlice<UInt8>, _ descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    ) throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { break }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw damaged(descriptor)
    }

    private static func damaged(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) -> CheckpointError {
        CheckpointError(.malformed, "its \(name(descriptor)) ends inside a field")
    }

    private static func name(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) -> String { String(cString: descriptor.pointee.name) }
}
