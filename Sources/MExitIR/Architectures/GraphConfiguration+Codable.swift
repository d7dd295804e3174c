// The JSON of a graph. A node: {"name": "stem.conv", "op": "conv2d", "inputs": ["input"], "outChannels": 16, "kernel": 3}. Every
// operation has fields of its own, called as in `Operation`. What is left out: "inputs" is the node before, "block" the name up
// to its first dot, and a field of an operation has its usual value, if it has one.

extension GraphConfiguration {
    private enum Key: String, CodingKey, CaseIterable { case inputName, inputBlock, nodes, exits }

    public init(from decoder: Decoder) throws {
        try Architectures.refuseUnknownKeys(in: decoder, known: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        try container.read(.inputName, into: &inputName)
        try container.read(.inputBlock, into: &inputBlock)
        try container.read(.exits, into: &exits)
        guard container.contains(.nodes) else { return }
        var list = try container.nestedUnkeyedContainer(forKey: .nodes)
        var before = inputName
        while !list.isAtEnd {
            let entry = try Entry(from: list.superDecoder(), before: before)
            before = entry.name
            nodes.append(entry)
        }
    }

    public func encode(to encoder: Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        let usual = GraphConfiguration()
        if inputName != usual.inputName { try container.encode(inputName, forKey: .inputName) }
        if inputBlock != usual.inputBlock { try container.encode(inputBlock, forKey: .inputBlock) }
        try container.encode(nodes, forKey: .nodes)
        try container.encode(exits, forKey: .exits)
    }
}

extension GraphConfiguration.ExitEntry: Decodable {
    private enum Key: String, CodingKey, CaseIterable { case name, logits }

    init(from decoder: Decoder) throws {
        try Architectures.refuseUnknownKeys(in: decoder, known: Key.allCases.map(\.rawValue))
        let container = try decoder.container(keyedBy: Key.self)
        name = try container.decode(String.self, forKey: .name)
        logits = try container.decode(String.self, forKey: .logits)
    }
}

extension GraphConfiguration.Entry: Encodable {
    private enum Key: String, CodingKey, CaseIterable {
        case name, block, op, inputs
        case outChannels, kernel, stride, padding, dilation, groups, hasBias, outFeatures, epsilon, slope, countIncludesPadding
        case factor, height, width, alignsCorners

        /// Fields of the node itself.
        static let common: [Key] = [.name, .block, .op, .inputs]
    }

    private typealias Fields = KeyedDecodingContainer<Key>

    /// Operations by name: the fields they have beside the common ones, and how they are read.
    private static let operations: [(op: String, fields: [Key], read: @Sendable (Fields) throws -> Operation)] = [
        ("conv2d", [.outChannels, .kernel, .stride, .padding, .dilation, .groups, .hasBias], { .conv2d(try convolution($0)) }),
        ("batchNorm", [.epsilon], { .batchNorm(epsilon: try $0.decodeIfPresent(Float.self, forKey: .epsilon) ?? 1e-5) }),
        ("relu", [], { _ in .activation(.relu) }),
        ("relu6", [], { _ in .activation(.relu6) }),
        ("leakyRelu", [.slope], { .activation(.leakyRelu(slope: try $0.decodeIfPresent(Float.self, forKey: .slope) ?? 0.01)) }),
        ("sigmoid", [], { _ in .activation(.sigmoid) }),
        ("tanh", [], { _ in .activation(.tanh) }),
        ("silu", [], { _ in .activation(.silu) }),
        ("hardSwish", [], { _ in .activation(.hardSwish) }),
        ("gelu", [], { _ in .activation(.gelu) }),
        ("add", [], { _ in .add }),
        ("concat", [], { _ in .concat }),
        // The last field means nothing here, and files have it: a graph comes back as it was.
        ("maxPool", [.kernel, .stride, .padding, .countIncludesPadding], { .maxPool(try pool($0)) }),
        ("averagePool", [.kernel, .stride, .padding, .countIncludesPadding], { .averagePool(try pool($0)) }),
        ("globalAveragePool", [], { _ in .globalAveragePool }),
        ("linear", [.outFeatures, .hasBias], {
            .linear(Linear(outFeatures: try $0.outputs(.outFeatures), hasBias: try $0.decodeIfPresent(Bool.self, forKey: .hasBias) ?? true))
        }),
        ("flatten", [], { _ in .flatten }),
        ("upsample", [.factor], { .upsample(factor: try $0.number(.factor)) }),
        ("resize", [.height, .width, .alignsCorners], {
            .resize(Resize(
                height: try $0.number(.height), width: try $0.number(.width),
                alignsCorners: try $0.decodeIfPresent(Bool.self, forKey: .alignsCorners) ?? false))
        }),
    ]

    private static func convolution(_ fields: Fields) throws -> Conv2D {
        let kernel = try fields.pair(.kernel)
        return Conv2D(
            outChannels: try fields.outputs(.outChannels), kernelHeight: kernel.height, kernelWidth: kernel.width,
            stride: try fields.number(.stride, usually: 1), padding: try fields.number(.padding, usually: 0),
            dilation: try fields.number(.dilation, usually: 1), groups: try fields.number(.groups, usually: 1),
            hasBias: try fields.decodeIfPresent(Bool.self, forKey: .hasBias) ?? false)
    }

    private static func pool(_ fields: Fields) throws -> Pool2D {
        let kernel = try fields.number(.kernel)
        return Pool2D(
            kernel: kernel, stride: try fields.number(.stride, usually: kernel), padding: try fields.number(.padding, usually: 0),
            countIncludesPadding: try fields.decodeIfPresent(Bool.self, forKey: .countIncludesPadding) ?? true)
    }

    /// - Parameter before: the node that is read where "inputs" is left out.
    init(from decoder: Decoder, before: String) throws {
        let container = try decoder.container(keyedBy: Key.self)
        let name = try container.decode(String.self, forKey: .name)
        let op = try container.decode(String.self, forKey: .op)
        guard let known = Self.operations.first(where: { $0.op == op }) else {
            throw GraphError(
                .badOperation,
                "node '\(name)': no operation is called '\(op)'; there are \(Self.operations.map(\.op).joined(separator: ", "))")
        }
        do {
            try Architectures.refuseUnknownKeys(in: decoder, known: (Key.common + known.fields).map(\.rawValue))
            operation = try known.read(container)
        } catch let error as GraphError {
            throw GraphError(error.code, "node '\(name)' (\(op)): \(error.message)")
        }
        self.name = name
        givesClasses = container.isClasses(.outChannels) || container.isClasses(.outFeatures)
        inputs = try container.decodeIfPresent([String].self, forKey: .inputs) ?? [before]
        block = try container.decodeIfPresent(String.self, forKey: .block) ?? Self.usualBlock(name)
    }

    private static func usualBlock(_ name: String) -> String { String(name.prefix { $0 != "." }) }

    func encode(to encoder: Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        func outputs(_ count: Int, _ key: Key) throws {
            if givesClasses { try container.encode(classesText, forKey: key) } else { try container.encode(count, forKey: key) }
        }
        try container.encode(name, forKey: .name)
        if block != Self.usualBlock(name) { try container.encode(block, forKey: .block) }
        try container.encode(operation.kind, forKey: .op)
        try container.encode(inputs, forKey: .inputs)
        switch operation {
        case .conv2d(let conv):
            try outputs(conv.outChannels, .outChannels)
            if conv.kernelHeight == conv.kernelWidth {
                try container.encode(conv.kernelHeight, forKey: .kernel)
            } else {
                try container.encode([conv.kernelHeight, conv.kernelWidth], forKey: .kernel)
            }
            for (key, value, usual) in [(Key.stride, conv.stride, 1), (.padding, conv.padding, 0), (.dilation, conv.dilation, 1), (.groups, conv.groups, 1)]
            where value != usual { try container.encode(value, forKey: key) }
            if conv.hasBias { try container.encode(true, forKey: .hasBias) }
        case .batchNorm(let epsilon):
            if epsilon != 1e-5 { try container.encode(epsilon, forKey: .epsilon) }
        case .activation(.leakyRelu(let slope)):
            try container.encode(slope, forKey: .slope)
        case .maxPool(let pool), .averagePool(let pool):
            try container.encode(pool.kernel, forKey: .kernel)
            try container.encode(pool.stride, forKey: .stride)
            if pool.padding != 0 { try container.encode(pool.padding, forKey: .padding) }
            if !pool.countIncludesPadding { try container.encode(false, forKey: .countIncludesPadding) }
        case .linear(let linear):
            try outputs(linear.outFeatures, .outFeatures)
            if !linear.hasBias { try container.encode(false, forKey: .hasBias) }
        case .upsample(let factor):
            try container.encode(factor, forKey: .factor)
        case .resize(let resize):
            try container.encode(resize.height, forKey: .height)
            try container.encode(resize.width, forKey: .width)
            if resize.alignsCorners { try container.encode(true, forKey: .alignsCorners) }
        case .input, .activation, .add, .concat, .globalAveragePool, .flatten: break
        }
    }
}

/// Stands for the number of classes.
private let classesText = "classes"

extension KeyedDecodingContainer {
    /// As in a checkpoint, so that sums and products of a few of them stay far inside `Int`.
    private static var limit: ClosedRange<Int> { 0...Int(Int32.max) }

    fileprivate func number(_ key: Key, usually value: Int? = nil) throws -> Int {
        if let value, !contains(key) { return value }
        return try Self.checked(try decode(Int.self, forKey: key), key)
    }

    private static func checked(_ number: Int, _ key: Key) throws -> Int {
        guard limit.contains(number) else {
            throw GraphError(.badOperation, "'\(key.stringValue)' is \(number); it must be \(limit.lowerBound) ... \(limit.upperBound)")
        }
        return number
    }

    fileprivate func isClasses(_ key: Key) -> Bool { (try? decode(String.self, forKey: key)) == classesText }

    /// A number of outputs; 0 for the number of classes.
    fileprivate func outputs(_ key: Key) throws -> Int { isClasses(key) ? 0 : try number(key) }

    /// Height and width: a number, or a list of two.
    fileprivate func pair(_ key: Key) throws -> (height: Int, width: Int) {
        if let both = try? decode([Int].self, forKey: key) {
            guard both.count == 2 else {
                throw GraphError(.badOperation, "'\(key.stringValue)' is a list of \(both.count); give one number, or [height, width]")
            }
            return (try Self.checked(both[0], key), try Self.checked(both[1], key))
        }
        let side = try number(key)
        return (side, side)
    }
}
