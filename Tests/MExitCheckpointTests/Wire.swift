@testable import MExitCheckpoint

/// Protobuf's wire format by hand, so that messages may say what no writer would, and files may be checked by a second
/// hand.
struct Wire {
    var bytes: [UInt8] = []

    static func message(_ fill: (inout Wire) -> Void) -> [UInt8] {
        var wire = Wire()
        fill(&wire)
        return wire.bytes
    }

    mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    mutating func number(_ field: UInt64, _ value: UInt64) {
        varint(field << 3)
        varint(value)
    }

    mutating func bytes(_ field: UInt64, _ value: [UInt8]) {
        varint(field << 3 | 2)
        varint(UInt64(value.count))
        bytes += value
    }

    mutating func string(_ field: UInt64, _ value: String) { bytes(field, Array(value.utf8)) }

    mutating func numbers(_ field: UInt64, _ values: [UInt64]) { bytes(field, Wire.message { wire in values.forEach { wire.varint($0) } }) }

    mutating func float(_ field: UInt64, _ value: Float) {
        varint(field << 3 | 5)
        bytes.append(littleEndian: value.bitPattern)
    }

    mutating func double(_ field: UInt64, _ value: Double) {
        varint(field << 3 | 1)
        bytes.append(littleEndian: value.bitPattern)
    }

    mutating func doubles(_ field: UInt64, _ values: [Double]) {
        bytes(field, values.reduce(into: []) { $0.append(littleEndian: $1.bitPattern) })
    }

    mutating func fixed32(_ field: UInt64, _ value: UInt32) {
        varint(field << 3 | 5)
        bytes.append(littleEndian: value)
    }
}

/// A file whose every part can be made to lie; checksums always fit, so that nothing but the part itself is wrong.
struct HandmadeFile {
    struct Segment {
        var name: [UInt8] = []
        var dims: [UInt64] = []
        var storage: UInt64 = 1
        var codec: UInt64 = 1
        var stage: UInt64 = 0
        var offset: UInt64?
        var storedBytes: UInt64?
        var rawBytes: UInt64?
        var payload: [UInt8] = []
    }

    struct Node {
        var name = ""
        var inputs: [UInt64] = []
        /// Field of the operation and its message.
        var operation: UInt64?
        var content: [UInt8] = []
    }

    var kind: UInt8 = 1
    var nodes: [Node] = []
    var exits: [(name: String, logits: UInt64)] = []
    var mean: [Float] = [0, 0]
    var classNames: [[UInt8]] = []
    /// Appended to the model's message as it is.
    var extraModelBytes: [UInt8] = []
    var segments: [Segment] = []

    /// The network of ``TestModels/smallest()``: two linear layers on a vector of 2.
    static func valid() -> HandmadeFile {
        var file = HandmadeFile()
        let linear = Wire.message {
            $0.number(1, 2)
            $0.number(2, 1)
        }
        file.nodes = [
            Node(name: "input", operation: 16, content: Wire.message { $0.numbers(1, [2]) }),
            Node(name: "a", inputs: [0], operation: 25, content: linear), Node(name: "b", inputs: [1], operation: 25, content: linear),
        ]
        file.exits = [("e0", 1), ("e1", 2)]
        for (stage, node) in ["a", "b"].enumerated() {
            file.segments.append(
                Segment(name: Array("\(node).weight".utf8), dims: [2, 2], stage: UInt64(stage), payload: [UInt8](repeating: 0, count: 16)))
            file.segments.append(
                Segment(name: Array("\(node).bias".utf8), dims: [2], stage: UInt64(stage), payload: [UInt8](repeating: 0, count: 8)))
        }
        return file
    }

    func model() -> [UInt8] {
        Wire.message { model in
            model.bytes(
                1,
                Wire.message { graph in
                    for node in nodes {
                        graph.bytes(
                            1,
                            Wire.message {
                                $0.string(1, node.name)
                                $0.string(2, "input")
                                if !node.inputs.isEmpty { $0.numbers(3, node.inputs) }
                                if let operation = node.operation { $0.bytes(operation, node.content) }
                            })
                    }
                    for exit in exits {
                        graph.bytes(
                            2,
                            Wire.message {
                                $0.string(1, exit.name)
                                $0.number(2, exit.logits)
                            })
                    }
                })
            model.bytes(
                2,
                Wire.message { preprocessing in
                    for field: UInt64 in [1, 2] {
                        preprocessing.bytes(field, mean.reduce(into: []) { $0.append(littleEndian: ($1 + Float(field) - 1).bitPattern) })
                    }
                })
            classNames.forEach { model.bytes(3, $0) }
            model.bytes += extraModelBytes
        }
    }

    func bytes() -> [UInt8] {
        var area: [UInt8] = []
        let container = Wire.message { container in
            container.bytes(1, model())
            for segment in segments {
                area += [UInt8](repeating: 0, count: -area.count & 63)
                let offset = segment.offset ?? UInt64(area.count)
                area += segment.payload
                container.bytes(
                    2,
                    Wire.message {
                        $0.bytes(1, segment.name)
                        $0.numbers(2, segment.dims)
                        $0.number(3, segment.storage)
                        $0.number(4, segment.codec)
                        $0.number(5, segment.stage)
                        $0.number(6, offset)
                        $0.number(7, segment.storedBytes ?? UInt64(segment.payload.count))
                        $0.number(8, segment.rawBytes ?? segment.dims.reduce(4, &*))
                        $0.fixed32(9, Zlib.crc32(segment.payload))
                    })
            }
        }
        return HandmadeFile.file(kind: kind, message: container, area: area)
    }

    static func file(kind: UInt8, message: [UInt8], area: [UInt8]) -> [UInt8] {
        var body = message
        if !area.isEmpty { body += [UInt8](repeating: 0, count: -message.count & 63) + area }
        var header = Array("MEXIT".utf8) + [kind, 1, 0, 0, 0, 64, 0, 0, 0, 0, 0]
        header.append(littleEndian: UInt64(message.count))
        header.append(littleEndian: UInt64(message.count))
        header.append(littleEndian: UInt64(64 + body.count))
        header.append(littleEndian: Zlib.crc32(message))
        header += [UInt8](repeating: 0, count: 16)
        header.append(littleEndian: Zlib.crc32(header))
        return header + body
    }
}
