import MExitCheckpoint
import MExitIR

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Small models with every operation, and numbers of every kind.
enum TestModels {
    /// Two exits, all operations, a node that no exit needs.
    static func everyOperation() throws -> Model {
        var builder = GraphBuilder(input: .map(channels: 2, height: 8, width: 8))
        builder.block = "layer0"
        let stem = builder.convNormRelu(0, 4, kernel: 3, padding: 1, name: "stem")
        var x = stem
        let activations: [Activation] = [.relu6, .leakyRelu(slope: 0.1), .sigmoid, .tanh, .silu, .hardSwish, .gelu]
        for (index, activation) in activations.enumerated() {
            x = builder.append(.activation(activation), [x], name: "act\(index)")
        }
        builder.block = "exit0"
        let pooled = builder.append(.maxPool(Pool2D(kernel: 2, stride: 2)), [x], name: "exit0.pool")
        let average = builder.append(.averagePool(Pool2D(kernel: 3, stride: 1, padding: 1, countIncludesPadding: false)), [pooled], name: "exit0.average")
        let flat = builder.append(.flatten, [average], name: "exit0.flat")
        builder.exit(builder.append(.linear(Linear(outFeatures: 3)), [flat], name: "exit0.linear"), name: "exit0")
        builder.block = "layer1"
        let grouped = builder.append(
            .conv2d(Conv2D(outChannels: 4, kernelHeight: 1, kernelWidth: 3, stride: 2, padding: 1, dilation: 1, groups: 2, hasBias: true)), [x],
            name: "grouped")
        let up = builder.append(.upsample(factor: 2), [grouped], name: "up")
        let resized = builder.append(.resize(Resize(height: 5, width: 3, alignsCorners: true)), [up], name: "resized")
        let sum = builder.append(.add, [resized, resized], name: "sum")
        let joined = builder.append(.concat, [sum, sum], name: "joined")
        builder.append(.batchNorm(epsilon: 1e-3), [joined], name: "unused")
        let mean = builder.append(.globalAveragePool, [joined], name: "exit1.mean")
        let vector = builder.append(.flatten, [mean], name: "exit1.flat")
        builder.exit(builder.append(.linear(Linear(outFeatures: 3, hasBias: false)), [vector], name: "exit1.linear"), name: "exit1")
        return try model(
            builder.build(), classNames: ["кіт", "dog", "🐦 bird"],
            policies: [
                NamedPolicy(
                    name: "20M", measure: "confidence", thresholds: [0.8], temperatures: [1, 1.5], method: "grid\nsearch", expectedMACs: 2e7,
                    expectedAccuracy: 0.9, samples: 5000, dataFingerprint: "abc"),
                NamedPolicy(
                    name: "safe", measure: "patience", thresholds: [1], date: "2026-11-24T02:39:10Z",
                    promise: Promise(.accuracyGap, limit: 0.01, bound: -0.002, confidence: 0.9, method: "betting")),
            ],
            gainTables: GainTables(
                measure: "entropy", temperatures: [1.25, 1],
                exits: [GainTable(edges: [0.5, 0.75], accuracy: [[0.5, 0.625], [0, 1], [1, 1]], counts: [8, 0, 3], goesOnFrom: [0, 2.5e6, 0x1p62])], method: "counted",
                samples: 11, dataFingerprint: "abc", date: "2026-11-24T02:39:10Z"),
            provenance: Provenance(
                architecture: "test", command: "mexit-train --lr 0.1", seed: .max, epochs: 3, data: "cifar10", dataFingerprint: "ff",
                validationAccuracy: [0.5, 0.625], producer: "tests"))
    }

    /// As few bytes as a network with two exits can have.
    static func smallest() throws -> Model {
        var builder = GraphBuilder(input: .vector(2))
        builder.exit(builder.append(.linear(Linear(outFeatures: 2)), [0], name: "a"), name: "e0")
        builder.exit(builder.append(.linear(Linear(outFeatures: 2)), [1], name: "b"), name: "e1")
        return try model(builder.build())
    }

    /// A chain of wide linear layers, whose weights compress.
    static func wide() throws -> Model {
        var builder = GraphBuilder(input: .vector(64))
        let hidden = builder.append(.linear(Linear(outFeatures: 256)), [0], name: "hidden")
        builder.exit(builder.append(.linear(Linear(outFeatures: 10)), [hidden], name: "exit0"), name: "exit0")
        let deeper = builder.append(.linear(Linear(outFeatures: 256)), [hidden], name: "deeper")
        builder.exit(builder.append(.linear(Linear(outFeatures: 10)), [deeper], name: "exit1"), name: "exit1")
        return try model(builder.build())
    }

    static func model(
        _ graph: Graph, classNames: [String] = [], policies: [NamedPolicy] = [], gainTables: GainTables? = nil,
        provenance: Provenance = Provenance()
    ) throws -> Model {
        var random = SplitMix64(state: 7)
        var tensors: [String: [Float]] = [:]
        for spec in graph.parameters { tensors[spec.name] = (0..<spec.count).map { _ in random.weight() } }
        let channels = graph.inputShape.channels
        return try Model(
            graph: graph, tensors: tensors,
            preprocessing: Preprocessing(
                mean: [Float](repeating: 0.5, count: channels), std: [Float](repeating: 0.25, count: channels)),
            classNames: classNames, policies: policies, gainTables: gainTables, provenance: provenance)
    }
}

/// Steele, Lea & Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Roughly normal, as weights are: the sum of four uniform numbers.
    mutating func weight() -> Float {
        (0..<4).reduce(0) { sum, _ in sum + Float.random(in: -0.1...0.1, using: &self) }
    }
}

/// A directory that is removed with all that is in it.
func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
    var template = Array("/tmp/mexit-tests-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw CheckpointError(.io, "mkdtemp failed") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer {
        for name in entries(of: path) { unlink("\(path)/\(name)") }
        rmdir(path)
    }
    return try body(path)
}

/// Names in a directory, without `.` and `..`, sorted.
func entries(of directory: String) -> [String] {
    guard let stream = opendir(directory) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
}
