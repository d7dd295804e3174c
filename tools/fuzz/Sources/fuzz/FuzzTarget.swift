import CMExitProto
import MExitIR
import MExitRuntime

@testable import MExitCheckpoint

/// What libFuzzer calls with every input. The first byte says what the rest is, so that no checksum stands in the way.
///
/// Any error is a good answer. A trap, a report of a sanitizer, memory without bound or a broken promise (`precondition`) is a finding.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = UnsafeBufferPointer(start: data, count: count)
    guard let kind = input.first else { return 0 }
    let rest = Array(input.dropFirst())
    switch kind % 6 {
    case 0: try? readFile(rest)
    case 1: try? readContainer(rest)
    case 2: try? runModel(rest)
    case 3: try? writeModelAgain(rest)
    case 4: try? decodeTensor(rest)
    default: unpackInLittleMemory(rest)
    }
    return 0
}

/// A whole file, as it is.
private func readFile(_ bytes: [UInt8]) throws {
    let reader = try CheckpointReader(bytes: bytes)
    try? reader.verify()
    _ = try reader.readModel(threads: 1)
}

/// Two bytes for the kind and the share of the message, then message and segments: the header is made to fit.
private func readContainer(_ bytes: [UInt8]) throws {
    guard bytes.count >= 3 else { return }
    let messageBytes = Int(bytes[1]) << 8 | Int(bytes[2])
    let message = Array(bytes.dropFirst(3).prefix(messageBytes))
    let area = Array(bytes.dropFirst(3 + messageBytes))
    let padding = area.isEmpty ? 0 : -message.count & 63
    let header = ContainerHeader(
        kind: bytes[0] & 1 == 0 ? .model : .trainingState, messageIsDeflated: false, messageStoredBytes: message.count,
        messageRawBytes: message.count, fileBytes: ContainerHeader.bytes + message.count + padding + area.count, messageCRC32: Zlib.crc32(message))
    let file = header.encoded() + message + [UInt8](repeating: 0, count: padding) + area
    if header.kind == .model {
        try readFile(file)
    } else {
        _ = try TrainingState.read(bytes: file)
    }
}

/// A packed `mexit.Model`: compiled with weights that fit it; run, if it is small: kernels have tests of their own, and take most
/// of the time.
private func runModel(_ bytes: [UInt8]) throws {
    guard let model = try model(bytes) else { return }
    let compiled = try CompiledModel(model)
    guard compiled.slotFloats <= 1 << 16, try model.graph.stageCosts().reduce(0, { $0 + $1.flops }) <= 1 << 13 else { return }
    let context = try InferenceContext(compiled)
    let input = (0..<model.graph.inputShape.count).map { Float($0 % 7) - 3 }
    var answers = 0
    for answer in try context.anytime(.values(input)) {
        precondition(answer.logits.count == model.graph.classCount)
        answers += 1
    }
    precondition(answers == model.graph.exits.count, "an exit gave no answer")
}

/// A packed `mexit.Model`: written as a file, read, and written again. Half of them in f32, the others in int8; zlib takes most of the time.
private func writeModelAgain(_ bytes: [UInt8]) throws {
    guard let model = try model(bytes) else { return }
    let storage = bytes.count % 2 == 0 ? TensorStorage.f32 : .int8
    let file = try Checkpoint.bytes(model, storage: storage)
    let again = try? Checkpoint.bytes(try Checkpoint.read(bytes: file), storage: storage)
    precondition(again == file, "what was written cannot be read, or is another model")
}

/// The model of a description, with small weights; nil for one too large to try thousands of times a second.
private func model(_ bytes: [UInt8]) throws -> Model? {
    let description = try ModelMessage.unpack(bytes)
    let graph = description.graph
    guard try graph.stageCosts().reduce(0, { $0 + $1.macs }) <= 1 << 17, graph.shapes.reduce(0, { $0 + $1.count }) <= 1 << 16 else { return nil }
    let parameters = graph.parameters
    guard parameters.reduce(0, { $0 + $1.count }) <= 1 << 12 else { return nil }
    var tensors: [String: [Float]] = [:]
    for spec in parameters { tensors[spec.name] = (0..<spec.count).map { Float(($0 + spec.node) % 5 + 1) / 8 } }
    return try description.model(tensors: tensors)
}

/// Storage, codec, scales and count, then the stored bytes.
private func decodeTensor(_ bytes: [UInt8]) throws {
    guard bytes.count >= 4, let codec = SegmentCodec(rawValue: UInt32(bytes[1] & 1) + 1) else { return }
    let storage = TensorStorage.allCases[Int(bytes[0]) % TensorStorage.allCases.count]
    let channels = Int(bytes[2]) % 8 + 1
    let count = channels * (Int(bytes[3]) + 1)
    let values = try TensorCodec.decode(
        Array(bytes.dropFirst(4)), codec: codec, storage: storage, scales: storage == .int8 ? [Float](repeating: 0.5, count: channels) : [],
        count: count, what: "the tensor")
    precondition(values.count == count)
}

/// Two bytes of a budget, and a packed `mexit.Model`: whatever allocation is refused, all before it are released.
private func unpackInLittleMemory(_ bytes: [UInt8]) {
    guard bytes.count >= 2 else { return }
    UnpackBudget.withAllocator(bytes: Int(bytes[0]) << 8 | Int(bytes[1])) { allocator in
        let message = bytes.dropFirst(2).withUnsafeBufferPointer { mexit__model__unpack(allocator, $0.count, $0.baseAddress) }
        mexit__model__free_unpacked(message, allocator)
    }
}
