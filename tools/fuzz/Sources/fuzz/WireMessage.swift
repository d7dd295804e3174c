import CMExitProto

/// A packed message, taken apart as far as the schema knows it, to be changed and packed again with lengths that fit.
///
/// A byte changed in place breaks the length of every message around it as soon as it moves others; almost all of such inputs
/// end in the parser. Changing fields reaches what lies behind it.
struct WireMessage {
    enum Value {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// A text, bytes, a packed list, or what no message could be made of.
        case bytes([UInt8])
        case message(WireMessage)
    }

    struct Field {
        var number: UInt64
        var value: Value
    }

    let descriptor: UnsafePointer<ProtobufCMessageDescriptor>
    var fields: [Field] = []

    init(_ descriptor: UnsafePointer<ProtobufCMessageDescriptor>) { self.descriptor = descriptor }

    /// - Parameter content: the type of the message in the field of that name, which the schema declares as bytes.
    /// - Returns: nil for bytes that are no message.
    init?(
        _ bytes: ArraySlice<UInt8>, as descriptor: UnsafePointer<ProtobufCMessageDescriptor>,
        content: UnsafePointer<ProtobufCMessageDescriptor>? = nil, depth: Int = 0
    ) {
        self.descriptor = descriptor
        var rest = bytes
        while !rest.isEmpty {
            guard let key = WireMessage.varint(&rest) else { return nil }
            let number = key >> 3
            let value: Value
            switch key & 7 {
            case 0:
                guard let number = WireMessage.varint(&rest) else { return nil }
                value = .varint(number)
            case 1:
                guard rest.count >= 8 else { return nil }
                value = .fixed64(WireMessage.littleEndian(rest.prefix(8)))
                rest = rest.dropFirst(8)
            case 5:
                guard rest.count >= 4 else { return nil }
                value = .fixed32(UInt32(WireMessage.littleEndian(rest.prefix(4))))
                rest = rest.dropFirst(4)
            case 2:
                guard let count = WireMessage.varint(&rest), count <= rest.count else { return nil }
                let inside = rest.prefix(Int(count))
                rest = rest.dropFirst(Int(count))
                let type = WireMessage.field(number, of: descriptor).flatMap { $0.type == PROTOBUF_C_TYPE_MESSAGE ? $0.descriptor?.assumingMemoryBound(to: ProtobufCMessageDescriptor.self) : nil }
                if let type = type ?? (number == 1 ? content : nil), depth < 8, let message = WireMessage(inside, as: type, depth: depth + 1) {
                    value = .message(message)
                } else {
                    value = .bytes(Array(inside))
                }
            default: return nil
            }
            fields.append(Field(number: number, value: value))
        }
    }

    func packed() -> [UInt8] {
        var bytes: [UInt8] = []
        for field in fields {
            switch field.value {
            case .varint(let value):
                WireMessage.append(field.number << 3, to: &bytes)
                WireMessage.append(value, to: &bytes)
            case .fixed64(let value):
                WireMessage.append(field.number << 3 | 1, to: &bytes)
                withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
            case .fixed32(let value):
                WireMessage.append(field.number << 3 | 5, to: &bytes)
                withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
            case .bytes(let inside): WireMessage.append(inside, to: &bytes, field.number)
            case .message(let message): WireMessage.append(message.packed(), to: &bytes, field.number)
            }
        }
        return bytes
    }

    /// This message and all inside it.
    var count: Int {
        var count = 1
        for case .message(let message) in fields.lazy.map(\.value) { count += message.count }
        return count
    }

    /// This message and all inside it, outer ones first.
    var all: [WireMessage] {
        var messages = [self]
        for case .message(let message) in fields.lazy.map(\.value) { messages += message.all }
        return messages
    }

    /// Applies a change to the message of an index in ``all``.
    mutating func change(_ index: Int, _ body: (inout WireMessage) -> Void) {
        if index == 0 { return body(&self) }
        var index = index - 1
        for position in fields.indices {
            guard case .message(var message) = fields[position].value else { continue }
            let count = message.count
            if index < count {
                message.change(index, body)
                fields[position].value = .message(message)
                return
            }
            index -= count
        }
    }

    /// What the schema says of a field.
    static func field(_ number: UInt64, of descriptor: UnsafePointer<ProtobufCMessageDescriptor>) -> ProtobufCFieldDescriptor? {
        UInt32(exactly: number).flatMap { protobuf_c_message_descriptor_get_field(descriptor, $0)?.pointee }
    }

    static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard let byte = rest.popFirst() else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }

    static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        var value = value
        while value >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        bytes.append(UInt8(value))
    }

    private static func append(_ inside: [UInt8], to bytes: inout [UInt8], _ number: UInt64) {
        append(number << 3 | 2, to: &bytes)
        append(UInt64(inside.count), to: &bytes)
        bytes += inside
    }

    private static func littleEndian(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) } }
}
