import CLibFuzzer
import CMExitProto

/// Changes one field of a message, at any depth, so that what results still is a message.
struct MessageMutation {
    var random: SplitMix64

    mutating func apply(to root: inout WireMessage) {
        let donors = root.all
        let index = random.below(donors.count)
        root.change(index) { change(&$0, donors) }
    }

    private mutating func change(_ message: inout WireMessage, _ donors: [WireMessage]) {
        let choice = message.fields.isEmpty ? 7 : random.below(9)
        let index = message.fields.isEmpty ? 0 : random.below(message.fields.count)
        switch choice {
        case 0: message.fields.remove(at: index)
        case 1: message.fields.insert(message.fields[index], at: random.below(message.fields.count + 1))
        case 2: message.fields.swapAt(index, random.below(message.fields.count))
        case 3...6: message.fields[index] = changed(message.fields[index], of: message.descriptor, donors)
        default: insert(into: &message, donors)
        }
    }

    /// A field of the schema, with any value; of a message, one that stands elsewhere, if there is one.
    private mutating func insert(into message: inout WireMessage, _ donors: [WireMessage]) {
        let descriptor = message.descriptor.pointee
        guard descriptor.n_fields > 0 else { return }
        let field = descriptor.fields[random.below(Int(descriptor.n_fields))]
        var value = WireMessage.Value.varint(number(like: 0))
        switch field.type {
        case PROTOBUF_C_TYPE_MESSAGE:
            guard let type = field.descriptor?.assumingMemoryBound(to: ProtobufCMessageDescriptor.self) else { return }
            value = .message(donor(of: type, donors) ?? WireMessage(type))
        case PROTOBUF_C_TYPE_STRING, PROTOBUF_C_TYPE_BYTES: value = .bytes([UInt8(65 + random.below(26))])
        case PROTOBUF_C_TYPE_DOUBLE: value = .fixed64(bits(like: 0))
        case PROTOBUF_C_TYPE_FLOAT, PROTOBUF_C_TYPE_FIXED32: value = .fixed32(bits(like: 0))
        default: break
        }
        // Where the schema says so, an operation takes the place of the one that is there, at times.
        if field.quantifier_offset != 0, field.label == PROTOBUF_C_LABEL_NONE, field.id >= 16, random.below(4) > 0 {
            message.fields.removeAll { $0.number >= 16 }
        }
        message.fields.insert(.init(number: UInt64(field.id), value: value), at: random.below(message.fields.count + 1))
    }

    private mutating func donor(of type: UnsafePointer<ProtobufCMessageDescriptor>, _ donors: [WireMessage]) -> WireMessage? {
        let same = donors.filter { $0.descriptor == type }
        return same.isEmpty ? nil : same[random.below(same.count)]
    }

    private mutating func changed(
        _ field: WireMessage.Field, of descriptor: UnsafePointer<ProtobufCMessageDescriptor>, _ donors: [WireMessage]
    ) -> WireMessage.Field {
        var field = field
        switch field.value {
        case .varint(let value): field.value = .varint(number(like: value))
        case .fixed64(let value): field.value = .fixed64(bits(like: value))
        case .fixed32(let value): field.value = .fixed32(bits(like: value))
        case .message(let message): field.value = .message(donor(of: message.descriptor, donors) ?? message)
        case .bytes(let bytes):
            switch WireMessage.field(field.number, of: descriptor)?.type {
            case PROTOBUF_C_TYPE_UINT32?, PROTOBUF_C_TYPE_UINT64?: field.value = .bytes(list(bytes))
            case PROTOBUF_C_TYPE_DOUBLE?: field.value = .bytes(list(bytes, of: 0 as UInt64))
            case PROTOBUF_C_TYPE_FLOAT?: field.value = .bytes(list(bytes, of: 0 as UInt32))
            default: field.value = .bytes(random.mutated(bytes, limit: bytes.count + 32))
            }
        }
        return field
    }

    /// A packed list of varints with one changed, put in or left out.
    private mutating func list(_ bytes: [UInt8]) -> [UInt8] {
        var rest = bytes[...]
        var numbers: [UInt64] = []
        while let value = WireMessage.varint(&rest) { numbers.append(value) }
        change(&numbers) { $0.number(like: $1) }
        var result: [UInt8] = []
        for value in numbers { WireMessage.append(value, to: &result) }
        return result
    }

    private mutating func list<Word: FixedWidthInteger>(_ bytes: [UInt8], of _: Word) -> [UInt8] {
        let size = MemoryLayout<Word>.size
        var words = (0..<bytes.count / size).map { index in bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: index * size, as: Word.self) } }
        change(&words) { $0.bits(like: $1) }
        return words.withUnsafeBytes { Array($0) }
    }

    private mutating func change<Word: FixedWidthInteger>(_ words: inout [Word], _ new: (inout MessageMutation, Word) -> Word) {
        let index = random.below(words.count + 1)
        switch random.below(4) {
        case 0: words.insert(new(&self, 0), at: index)
        case 1 where index < words.count: words.remove(at: index)
        default: if index < words.count { words[index] = new(&self, words[index]) }
        }
    }

    /// Powers of two, and their neighbours.
    private static let edges: [UInt64] = (0..<64).flatMap { (shift: UInt64) -> [UInt64] in
        let power: UInt64 = 1 << shift
        return [power - 1, power, power + 1]
    }

    private mutating func number(like value: UInt64) -> UInt64 {
        switch random.below(6) {
        case 0: MessageMutation.edges[random.below(MessageMutation.edges.count)]
        case 1: value &+ 1
        case 2: value &- 1
        case 3: value ^ 1 << UInt64(random.below(64))
        default: UInt64(random.below(20))
        }
    }

    private mutating func bits<Word: FixedWidthInteger>(like value: Word) -> Word {
        let doubles: [Double] = [0, -0.0, 1, -1, 0.5, 0.25, 2, Double(bitPattern: 1), 1e-45, 1e308, 3e38, 0x1p62, 0x1p63, .nan, .infinity, -.infinity]
        switch random.below(4) {
        case 0: return value ^ 1 << Word(random.below(Word.bitWidth))
        case 1: return value &+ 1
        default:
            let number = doubles[random.below(doubles.count)]
            return Word(truncatingIfNeeded: Word.bitWidth == 64 ? number.bitPattern : UInt64(Float(number).bitPattern))
        }
    }
}

/// Steele, Lea & Flood, Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    /// 0 ..< count; count is at least 1.
    mutating func below(_ count: Int) -> Int { Int(next() % UInt64(count)) }

    /// The bytes after one of libFuzzer's own changes, which know its dictionary and the comparisons that it saw.
    func mutated(_ bytes: [UInt8], limit: Int) -> [UInt8] {
        let limit = max(1, limit)
        return [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
            let used = min(bytes.count, limit)
            _ = buffer.update(fromContentsOf: bytes.prefix(used))
            count = LLVMFuzzerMutate(buffer.baseAddress, used, limit)
        }
    }
}
