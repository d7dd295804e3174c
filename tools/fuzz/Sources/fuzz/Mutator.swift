import CMExitProto

@testable import MExitCheckpoint

/// What libFuzzer calls to change an input. Half of the changes are its own, of bytes; the others know the format: they change
/// fields of messages, and put checksums, sizes and places right again, so that the next check is reached.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ data: UnsafeMutablePointer<UInt8>?, _ count: Int, _ limit: Int, _ seed: CUnsignedInt) -> Int {
    guard let data, limit > 0 else { return 0 }
    var random = SplitMix64(state: UInt64(seed))
    let input = Array(UnsafeBufferPointer(start: data, count: count))
    var output: [UInt8]?
    if let kind = input.first, random.below(2) == 0 {
        let rest = Array(input.dropFirst())
        switch kind % 6 {
        case 0: output = mutatedFile(rest, limit - 1, &random)
        case 1: output = mutatedContainer(rest, &random)
        case 2, 3: output = mutatedMessage(rest, as: Schema.model, &random)
        case 4: output = mutatedTensor(rest, &random)
        default:
            let model = mutatedMessage(Array(rest.dropFirst(2)), as: Schema.model, &random)
            output = model.map { [UInt8(random.below(256)), UInt8(random.below(256))] + $0 }
        }
        output = output.map { [kind] + $0 }
    }
    let result = output.flatMap { $0.count <= limit ? $0 : nil } ?? random.mutated(input, limit: limit)
    data.update(from: result, count: result.count)
    return result.count
}

/// Types of messages; C's globals have no address in Swift, and an empty message knows that of its type.
private enum Schema {
    static var container: UnsafePointer<ProtobufCMessageDescriptor> {
        var message = Mexit__Container()
        mexit__container__init(&message)
        return message.base.descriptor
    }

    static var model: UnsafePointer<ProtobufCMessageDescriptor> {
        var message = Mexit__Model()
        mexit__model__init(&message)
        return message.base.descriptor
    }

    static var trainingState: UnsafePointer<ProtobufCMessageDescriptor> {
        var message = Mexit__TrainingState()
        mexit__training_state__init(&message)
        return message.base.descriptor
    }
}

private func mutatedMessage(
    _ bytes: [UInt8], as descriptor: UnsafePointer<ProtobufCMessageDescriptor>, _ random: inout SplitMix64
) -> [UInt8]? {
    guard var message = WireMessage(bytes[...], as: descriptor) else { return nil }
    change(&message, &random)
    return message.packed()
}

/// One to four changes.
private func change(_ message: inout WireMessage, _ random: inout SplitMix64) {
    var mutation = MessageMutation(random: random)
    for _ in 0...mutation.random.below(4) { mutation.apply(to: &message) }
    random = mutation.random
}

/// Kind, two bytes of length, message, segments (see `readContainer`).
private func mutatedContainer(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8]? {
    guard bytes.count >= 3 else { return nil }
    let messageBytes = Int(bytes[1]) << 8 | Int(bytes[2])
    var area = Array(bytes.dropFirst(3 + messageBytes))
    let content = bytes[0] & 1 == 0 ? Schema.model : Schema.trainingState
    guard var message = WireMessage(bytes.dropFirst(3).prefix(messageBytes), as: Schema.container, content: content) else { return nil }
    if random.below(4) == 0 { area = random.mutated(area, limit: area.count + 64) } else { change(&message, &random) }
    switch random.below(4) {
    case 0: break
    case 1: repairChecksums(of: &message, area)
    default:
        layOut(&message, &area)
        repairChecksums(of: &message, area)
    }
    let packed = message.packed()
    guard packed.count < 1 << 16 else { return nil }
    return [bytes[0], UInt8(packed.count >> 8), UInt8(packed.count & 0xFF)] + packed + area
}

extension WireMessage {
    fileprivate subscript(varint number: UInt64) -> UInt64 {
        get {
            // The last one counts.
            guard case .varint(let value)? = fields.last(where: { $0.number == number })?.value else { return 0 }
            return value
        }
        set {
            fields.removeAll { $0.number == number }
            fields.append(Field(number: number, value: .varint(newValue)))
        }
    }

    /// The directory's entries.
    fileprivate mutating func forEachSegment(_ body: (inout WireMessage) -> Void) {
        for index in fields.indices where fields[index].number == 2 {
            guard case .message(var segment) = fields[index].value else { continue }
            body(&segment)
            fields[index].value = .message(segment)
        }
    }
}

/// Segments one behind the other, as they must lie; the area as long as that takes.
private func layOut(_ message: inout WireMessage, _ area: inout [UInt8]) {
    var end = 0
    message.forEachSegment { segment in
        let start = (end + 63) & ~63
        segment[varint: 6] = UInt64(start)
        end = start + Int(min(segment[varint: 7], 4096))
    }
    area = Array(area.prefix(end)) + [UInt8](repeating: 0, count: max(0, end - area.count))
}

private func repairChecksums(of message: inout WireMessage, _ area: [UInt8]) {
    message.forEachSegment { segment in
        guard let start = Int(exactly: segment[varint: 6]), let count = Int(exactly: segment[varint: 7]), start <= area.count,
            count <= area.count - start
        else { return }
        segment.fields.removeAll { $0.number == 9 }
        segment.fields.append(.init(number: 9, value: .fixed32(Zlib.crc32(Array(area[start..<start + count])))))
    }
}

/// A file whose header says what is there, but for one number of it at times.
private func mutatedFile(_ bytes: [UInt8], _ limit: Int, _ random: inout SplitMix64) -> [UInt8]? {
    guard bytes.count >= ContainerHeader.bytes, limit >= bytes.count else { return nil }
    var file = bytes
    if random.below(4) > 0 {
        file = Array(file.prefix(ContainerHeader.bytes)) + random.mutated(Array(file.dropFirst(ContainerHeader.bytes)), limit: limit - ContainerHeader.bytes)
        put(UInt64(file.count), at: 32, 8, in: &file)
        let stored: UInt64 = file.littleEndian(at: 16)
        if let count = Int(exactly: stored), count <= file.count - ContainerHeader.bytes {
            let message = Array(file.dropFirst(ContainerHeader.bytes).prefix(count))
            put(UInt64(Zlib.crc32(message)), at: 40, 4, in: &file)
        }
    } else {
        let (offset, size) = [(5, 1), (6, 2), (8, 2), (10, 2), (12, 4), (16, 8), (24, 8), (32, 8), (40, 4), (44, 8)][random.below(10)]
        let values: [UInt64] = [0, 1, 2, 63, 64, 68, 128, 4096, UInt64(file.count), UInt64(file.count - 64), 1 << 26, 1 << 31, 1 << 32, 1 << 63, .max]
        put(values[random.below(values.count)], at: offset, size, in: &file)
    }
    let header = Int(file.littleEndian(at: 10, as: UInt16.self))
    guard header >= 8, header <= file.count else { return file }
    put(UInt64(Zlib.crc32(Array(file.prefix(header - 4)))), at: header - 4, 4, in: &file)
    return file
}

private func put(_ value: UInt64, at offset: Int, _ size: Int, in bytes: inout [UInt8]) {
    for index in 0..<size { bytes[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(index))) }
}

/// Storage, codec, channels and count (see `decodeTensor`), then bytes that do inflate.
private func mutatedTensor(_ bytes: [UInt8], _ random: inout SplitMix64) -> [UInt8]? {
    guard bytes.count >= 4 else { return nil }
    let storage = TensorStorage.allCases[Int(bytes[0]) % TensorStorage.allCases.count]
    let count = (Int(bytes[2]) % 8 + 1) * (Int(bytes[3]) + 1) * storage.bytesPerElement
    let planes = random.mutated([UInt8](repeating: UInt8(random.below(256)), count: count), limit: count)
    guard let deflated = try? Zlib.deflate(planes + [UInt8](repeating: 0, count: count - planes.count), level: 1) else { return nil }
    return [bytes[0], 1, bytes[2], bytes[3]] + deflated
}
